"""Removals of nodes that are not finished, and which keys replace those that a lost node had.

If a removal fails, another run finishes it, perhaps on another node: it has to know which keys the first one made.
Times are by the database's clock. Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, delete, select

from relay.store.database import Database
from relay.store.leases import now_in
from relay.store.schema import node_removals, node_successors
from relay.store.statements import put

_LOCK = "node"
_PUT = put(node_removals)
_PUT_SUCCESSOR = put(node_successors)


class NodeRemovals:
    """The tables `node_removal` and `node_successor`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, node: str) -> None:
        """Note that the removal of this node begins, with nothing made in place of its keys."""

        def write(connection: Connection) -> None:
            _forget(connection, node)
            connection.execute(_PUT, {"node": node, "begun": now_in(connection, self._clock)})

        await self._database.write(write, _LOCK)

    async def made(self, node: str, old: str, new: str) -> None:
        """Note that the key `new` was made in place of `old`, both fingerprints."""
        row = {"node": node, "old": old, "new": new}
        await self._database.write(lambda c: c.execute(_PUT_SUCCESSOR, row), _LOCK)

    async def successors(self, node: str) -> Mapping[str, str]:
        """The keys that replace those that this node had, by the key that was replaced."""
        wanted = select(node_successors.c.old, node_successors.c.new).where(node_successors.c.node == node)
        return {row.old: row.new for row in await self._database.read(lambda c: c.execute(wanted).all())}

    async def unfinished(self, seconds: float = 0.0) -> list[str]:
        """The nodes whose removal began at least so many seconds ago and is not finished, by name."""

        def read(connection: Connection) -> list[str]:
            since = now_in(connection, self._clock) - seconds
            wanted = select(node_removals.c.node).where(node_removals.c.begun <= since)
            return list(connection.execute(wanted.order_by(node_removals.c.node)).scalars())

        return await self._database.read(read)

    async def finish(self, node: str) -> None:
        """Forget the removal of this node: it is done."""
        await self._database.write(lambda c: _forget(c, node), _LOCK)


def _forget(connection: Connection, node: str) -> None:
    for table in (node_removals, node_successors):
        connection.execute(delete(table).where(table.c.node == node))
