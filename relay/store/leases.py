"""Regular jobs that one process at a time does for all of them: who holds the job, and when it was last done.

A job is held by a lease that ends by itself: when its process dies, another one takes it. Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from relay.store.database import Database
from relay.store.schema import duties


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that this process holds until the lease ends."""

    last_done: float | None
    """When it was last done, in seconds since the epoch; None: never."""


class Leases:
    """The table `duty`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def take(self, name: str, lease: float) -> Taken | None:
        """Take a job for `lease` seconds; None where another process holds it, or it is not due yet."""
        now = self._clock()
        return await self._database.write(lambda c: _take(c, name, now, now + lease))

    async def done(self, name: str, again_in: float) -> None:
        """The job is done, and due again in `again_in` seconds."""
        now = self._clock()
        await self._database.write(lambda c: _put(c, name, now + again_in, now))


def _take(connection: Connection, name: str, now: float, until: float) -> Taken | None:
    row = connection.execute(select(duties.c.until, duties.c.done).where(duties.c.name == name)).first()
    if row and now < row.until <= now + _LONGEST:
        return None
    done = row.done if row else None
    _put(connection, name, until, done)
    return Taken(done)


def _put(connection: Connection, name: str, until: float, done: float | None) -> None:
    connection.execute(delete(duties).where(duties.c.name == name))
    connection.execute(insert(duties), {"name": name, "until": until, "done": done})


_LONGEST = 8 * 24 * 3600.0
"""Seconds; a later time was written by a clock that was ahead, and does not count."""
