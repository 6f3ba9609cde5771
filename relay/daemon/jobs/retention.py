"""Maintains the trace: writes its newest hash to the log and into other nodes' chains, and deletes old rows.

Somebody who can write to the database can compute a whole new chain, or cut rows off at its end. A hash in the log,
which is kept elsewhere, shows both (`pgp-relay trace --verify --head NUMBER:HASH`). Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from relay.store import Leases, Trace
from relay.telemetry import events
from relay.telemetry.events import Event

DUTY = "retention"
LEASE = 600.0
HOUR = 3600.0
DAY = 24 * HOUR


class Retention:
    """`round` every minute or so: an anchor at the first and then daily, retention every hour."""

    def __init__(self, trace: Trace, leases: Leases, retention: float, clock: Callable[[], float] = time.time) -> None:
        self._trace = trace
        self._leases = leases
        self._retention = retention
        self._clock = clock
        self._next_anchor = 0.0

    async def round(self) -> None:
        """Do what is due. Each node logs the head of its chain; one of them deletes old rows."""
        now = self._clock()
        if now >= self._next_anchor:
            await self._trace.note_others(now)
            events.log().info(Event.TRACE_HEAD, head=str(await self._trace.logged()))
            self._next_anchor = now + DAY
        if await self._leases.take(DUTY, LEASE):
            await self._trace.prune(now - self._retention, now=now)
            await self._leases.done(DUTY, HOUR)
