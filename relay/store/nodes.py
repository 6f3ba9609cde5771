"""The machines that share a database: who they are, what they run, and when each was seen last.

Times are by the database's clock (`relay.store.leases`). Raises `StoreError`.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, text, update

from relay.store import hash_chain
from relay.store.database import Database
from relay.store.leases import now_in
from relay.store.schema import nodes
from relay.store.schema_steps import STEPS
from relay.store.statements import put

SEEN_SECONDS = 30.0
"""Seconds after which a node that has not reported counts as not running."""
FORGOTTEN_SECONDS = 30 * 86400.0
SPAN = 60.0
"""Seconds that a rate is taken over."""

_PUT = put(nodes)
_MOST_CONNECTIONS = text(
    "SELECT CAST(current_setting('max_connections') AS integer) "
    "- CAST(current_setting('superuser_reserved_connections') AS integer)"
)


@dataclass(frozen=True, slots=True)
class About:
    """What a node says of itself."""

    version: str
    policy: str
    """The digest of what decides about a mail."""
    signing: tuple[str, ...]
    """Fingerprints of the keys that sign."""
    connections: int = 0
    """The most that its processes have to the database; none: it has stopped."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that shares the database."""

    name: str
    about: About
    schema: int
    since: float
    """When it was started."""
    seen: float
    silent: float
    """Seconds since then."""
    rate: float
    """Recipients a second, over the last minute."""

    @property
    def runs(self) -> bool:
        """Whether it was seen lately, and has not said that it stops."""
        return self.silent < SEEN_SECONDS and self.about.connections > 0


class Nodes:
    """The table `node`; `name` is this machine's."""

    def __init__(self, database: Database, name: str, chain: str, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self._database = database
        self._chain = chain
        self._clock = clock
        self._counted: deque[tuple[float, int]] = deque(maxlen=60)

    async def announce(self, about: About) -> None:
        """Tell the others that this node has just been started."""
        await self._database.write_beside(lambda c: self._announce(c, about))

    async def seen(self, about: About) -> None:
        """Note that this node still runs, and what it says of itself now."""
        await self._database.write_beside(lambda c: self._seen(c, about))

    async def leave(self) -> None:
        """Note that this node stops: others are not compared with it any more."""
        gone = update(nodes).where(nodes.c.node == self.name).values(connections=0)
        await self._database.write_beside(lambda c: c.execute(gone))

    async def prove(self) -> None:
        """Write a row. Raises `StoreError` where the database takes none."""
        await self._database.write_beside(self._touch)

    async def all(self) -> list[Node]:
        """Those that were not forgotten, by name."""
        return await self._database.read(self._all)

    async def remove(self, name: str) -> bool:
        """Forget one; whether it was there. One that runs is there again in a moment."""
        gone = delete(nodes).where(nodes.c.node == name)
        return await self._database.write(lambda c: c.execute(gone).rowcount > 0, "node")

    async def most_connections(self) -> int | None:
        """How many the database server takes; None where it is no server."""
        if not self._database.is_shared:
            return None
        return await self._database.read(lambda c: int(c.execute(_MOST_CONNECTIONS).scalar_one()))

    def _announce(self, connection: Connection, about: About) -> None:
        now = now_in(connection, self._clock)
        row = {"node": self.name, "schema": len(STEPS), "since": now, "seen": now, "rate": 0.0, **_row(about)}
        connection.execute(_PUT, row)
        connection.execute(delete(nodes).where(nodes.c.seen < now - FORGOTTEN_SECONDS))

    def _seen(self, connection: Connection, about: About) -> None:
        now = now_in(connection, self._clock)
        self._counted.append((now, hash_chain.ends(connection, self._chain).head.number))
        while self._counted[0][0] < now - SPAN:
            self._counted.popleft()
        (first, before), (last, after) = self._counted[0], self._counted[-1]
        rate = (after - before) / max(1.0, last - first)
        values = {"seen": now, "rate": rate, "schema": len(STEPS), **_row(about)}
        if not connection.execute(update(nodes).where(nodes.c.node == self.name).values(values)).rowcount:
            self._announce(connection, about)

    def _touch(self, connection: Connection) -> None:
        now = now_in(connection, self._clock)
        connection.execute(update(nodes).where(nodes.c.node == self.name).values(seen=now))

    def _all(self, connection: Connection) -> list[Node]:
        now = now_in(connection, self._clock)
        return [
            Node(
                row.node,
                About(row.version, row.policy, tuple(json.loads(row.signing)), row.connections),
                row.schema,
                row.since,
                row.seen,
                now - row.seen,
                row.rate,
            )
            for row in connection.execute(select(nodes).order_by(nodes.c.node))
        ]


def differences(ours: About, others: Sequence[Node]) -> list[str]:
    """A sentence for each node whose mails are decided or signed otherwise."""
    found = [(other.name, list(_differing(ours, other.about))) for other in others]
    return [f"node {name} has another {' and other '.join(what)}" for name, what in found if what]


def _differing(ours: About, theirs: About) -> Sequence[str]:
    return [
        *(["policy"] if ours.policy != theirs.policy else []),
        *(["set of signing keys"] if sorted(ours.signing) != sorted(theirs.signing) else []),
    ]


def _row(about: About) -> dict[str, object]:
    return {
        "version": about.version,
        "policy": about.policy,
        "signing": json.dumps(sorted(about.signing)),
        "connections": about.connections,
    }
