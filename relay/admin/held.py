"""The mails that are held: Postfix keeps each of them until there is a key for its recipient.

They are known from the trace: the last decision for a recipient is `hold`, and Postfix still tries. A mail that an
administrator has deleted from the queue leaves no row there: it is told by the queue itself where that is at hand, and
counts as held for no longer than Postfix would let pass between two tries. Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from relay.admin.postfix import leading
from relay.config import Config
from relay.model.errors import PostfixError
from relay.model.key_change import KeyChange
from relay.process import postqueue
from relay.store import Store

_LOOKS = 2
"""So often it is missed in the queue before it counts as gone: a file that moves between two queues may be in none."""


@dataclass(frozen=True, slots=True)
class Held:
    """One mail and one of its recipients."""

    queue_id: str
    sender: str
    """Empty: the null reverse-path."""
    recipient: str
    rule: str
    reason: str
    since: float
    until: float
    """When Postfix gives up (`notices.waits`). Both in seconds since the epoch."""


async def held(config: Config, store: Store) -> list[Held]:
    """Those that wait now, the longest first."""
    waits, now = config.notices.waits, time.time()
    return [
        Held(row.queue_id, row.sender, row.recipient, row.rule, row.reason, first, first + waits)
        for first, row in await store.trace.held(now - waits, now - postqueue.RETRIED)
    ]


async def not_queued(config: Config, store: Store, queue_ids: Collection[str]) -> set[str]:
    """Those that Postfix does not have any more; none where another machine's Postfix may have such mails."""
    left = set(queue_ids) - {""}
    if not left or store.is_shared or not await asyncio.to_thread(_leads_here, config):
        return set()
    for _ in range(_LOOKS):
        queued = await postqueue.queued()
        if queued is None:
            return set()
        left -= queued
    return left


def _leads_here(config: Config) -> bool:
    """Whether this machine's Postfix leads mail to the relay, and no other machine can."""
    if not all(place.local for place in config.listen):
        return False
    try:
        return leading.wanted(config) in leading.led()
    except PostfixError:
        return False


async def send_again(config: Config, store: Store, queue_ids: Collection[str], actor: str) -> list[Held]:
    """Have Postfix try these held mails now; those that it was asked for. The trace keeps first that `actor` asks."""
    mails = [mail for mail in await held(config, store) if mail.queue_id in queue_ids]
    now = time.time()
    told = [KeyChange(now, actor, mail.recipient, "", "", f"held mail {mail.queue_id} to be tried") for mail in mails]
    await store.trace.write([change.record() for change in told])
    asked = set(await postqueue.flush(dict.fromkeys(mail.queue_id for mail in mails)))
    return [mail for mail in mails if mail.queue_id in asked]
