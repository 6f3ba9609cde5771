"""The trace for administrators: rows, counts, and whether the hash chains are intact.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from relay.model import Record
from relay.store import Logged, Selection, Store, Verdict

LOOK_AGAIN = 0.5
"""Seconds between two looks for what is new."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many mails had which decision."""

    rule: str
    """Empty: of all rules together."""
    domain: str
    """Of the recipients; empty: of all domains together."""
    shadow: bool
    mails: Mapping[str, int]
    """By action; one that is not there never happened."""


def rows(store: Store, wanted: Selection) -> AsyncIterator[Record]:
    """Those that match, oldest first."""
    return store.trace.select(wanted)


async def following(store: Store, wanted: Selection) -> AsyncIterator[list[Record]]:
    """What matches now, then what is written from then on, until the caller stops."""
    numbers = await store.trace.last_numbers()
    shown = [record async for record in rows(store, wanted)]
    yield shown
    while True:
        written, numbers = await store.trace.newer(wanted, numbers)
        if news := [record for record in written if record not in shown]:  # some were written during the first look
            yield news
        shown = []
        await asyncio.sleep(LOOK_AGAIN)


async def counts(store: Store, wanted: Selection) -> list[Count]:
    """By rule and recipient's domain, live and in shadow mode apart, the total of each last."""
    found: dict[tuple[bool, bool, str, str], Counter[str]] = {}
    for sum_ in await store.trace.summary(wanted):
        for key in ((sum_.shadow, False, sum_.rule, sum_.domain), (sum_.shadow, True, "", "")):
            found.setdefault(key, Counter())[sum_.action] += sum_.mails
    return [Count(rule, domain, shadow, mails) for (shadow, _, rule, domain), mails in sorted(found.items())]


async def verify(store: Store, logged: Logged | None = None) -> Verdict:
    """Verify the hash chains; `logged` is a link from the log (`trace_head`)."""
    return await store.trace.verify(logged)
