"""Regular jobs that one process at a time does for all of them: who holds the job, and when it was last done.

A job is held by a lease that ends by itself: when its process dies, another one takes it. Where several machines share
a database, its clock counts, and not theirs. Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from relay.store.database import Database
from relay.store.schema import duties
from relay.store.statements import put


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that this process holds until the lease ends."""

    last_done: float | None
    """When it was last done, in seconds since the epoch; None: never."""


class Leases:
    """The table `duty`; `node` is the name under which this machine holds a job."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time, node: str = "") -> None:
        self._database = database
        self._clock = clock
        self._node = node

    async def take(self, name: str, lease: float) -> Taken | None:
        """Take a job for `lease` seconds; None where another process holds it, or it is not due yet."""
        return await self._database.write(lambda c: self._take(c, name, lease), _LOCK)

    async def done(self, name: str, again_in: float) -> None:
        """The job is done, and due again in `again_in` seconds."""
        await self._database.write(lambda c: self._done(c, name, again_in), _LOCK)

    async def holders(self) -> dict[str, list[str]]:
        """The jobs that each node had last, by its name."""
        wanted = select(duties.c.node, duties.c.name).order_by(duties.c.name)
        found: dict[str, list[str]] = {}
        for node, name in await self._database.read(lambda c: c.execute(wanted).all()):
            found.setdefault(node, []).append(name)
        return found

    def _take(self, connection: Connection, name: str, lease: float) -> Taken | None:
        now = now_in(connection, self._clock)
        row = connection.execute(select(duties.c.until, duties.c.done).where(duties.c.name == name)).first()
        if row and now < row.until <= now + _LONGEST:
            return None
        done = row.done if row else None
        connection.execute(_PUT, {"name": name, "until": now + lease, "done": done, "node": self._node})
        return Taken(done)

    def _done(self, connection: Connection, name: str, again_in: float) -> None:
        now = now_in(connection, self._clock)
        connection.execute(_PUT, {"name": name, "until": now + again_in, "done": now, "node": self._node})


def now_in(connection: Connection, clock: Callable[[], float]) -> float:
    """The time by the clock that all who use the database share: the server's, or this machine's."""
    if connection.dialect.name == "sqlite":
        return clock()
    return float(connection.execute(_SERVER_TIME).scalar_one())


_LOCK = "duty"
_PUT = put(duties)
_SERVER_TIME = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)")
_LONGEST = 8 * 24 * 3600.0
"""Seconds; a later time was written by a clock that was ahead, and does not count."""
