"""The mails that are held: Postfix keeps each of them until there is a key for its recipient.

They are known from the trace: the last decision for a recipient is `hold`, and Postfix still tries. Raises
`StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from relay.config import Config
from relay.model.key_change import KeyChange
from relay.process import postqueue
from relay.store import Store


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
    waits = config.notices.waits
    return [
        Held(row.queue_id, row.sender, row.recipient, row.rule, row.reason, first, first + waits)
        for first, row in await store.trace.held(time.time() - waits)
    ]


async def send_again(config: Config, store: Store, queue_ids: Collection[str], actor: str) -> list[Held]:
    """Have Postfix try these held mails now; those that it was asked for. The trace keeps first that `actor` asks."""
    mails = [mail for mail in await held(config, store) if mail.queue_id in queue_ids]
    now = time.time()
    told = [KeyChange(now, actor, mail.recipient, "", "", f"held mail {mail.queue_id} to be tried") for mail in mails]
    await store.trace.write([change.record() for change in told])
    asked = set(await postqueue.flush(dict.fromkeys(mail.queue_id for mail in mails)))
    return [mail for mail in mails if mail.queue_id in asked]
