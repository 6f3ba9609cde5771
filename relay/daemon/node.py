"""A node among those that share the database: records that it runs, and compares itself with the others.

Policy and signing keys have to be the same on all, or what happens to a mail depends on which of them takes it.
`nodes: strict` keeps the one that starts later from serving; a node that serves goes on, and warns. Raises
`StoreError`, and `NodeError` where it must not start.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version

from relay.daemon.build import Components
from relay.model.errors import NodeError, StoreError
from relay.store import About, Node, Nodes, differences
from relay.telemetry import events
from relay.telemetry.events import Event

EVERY = 5.0
"""Seconds between two signs of life."""


class NodeWatch:
    """`arrive` before it serves, `watch` while it does; `components` are those that count now.

    `signers` are the keys that sign now: those of mails in progress from before a reload too.
    """

    def __init__(
        self, nodes: Nodes, components: Callable[[], Components], signers: Callable[[], Collection[str]]
    ) -> None:
        self._nodes = nodes
        self._components = components
        self._signers = signers
        self._next: Collection[str] = ()
        self._one_statement = asyncio.Lock()
        self._told: list[str] | None = None

    async def arrive(self) -> None:
        """Say that it runs, unless the configuration forbids it beside those that run already."""
        ours, every = about(self._components()), await self._nodes.all()
        found = differences(ours, self._others(every))
        if found and self._components().config.nodes == "strict" and not self._ran_so(every):
            raise NodeError(f"{'; '.join(found)}: make them the same, or set nodes: warn")
        self._tell(found, len(self._others(every)))
        await self._nodes.announce(ours)

    @asynccontextmanager
    async def preceding(self, signers: Collection[str]) -> AsyncIterator[None]:
        """Tell the other nodes that these keys sign, before they do, until the block ends: `keys revoke` relies on it.

        Raises `StoreError`: these keys must not sign.
        """
        self._next = signers
        try:
            if not set(signers) <= set(self._signers()):
                await self._say()
            yield
        finally:
            self._next = ()

    async def watch(self) -> None:
        """Compare this node with the others at intervals, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._say()
                others = self._others(await self._nodes.all())
            except StoreError:
                continue  # an outage of the store is logged by those who need it for a mail
            self._tell(differences(about(self._components()), others), len(others))

    async def leave(self) -> None:
        """Tell the others that this node stops."""
        try:
            await self._nodes.leave()
        except StoreError:
            return  # it is forgotten in a moment

    async def _say(self) -> None:
        async with self._one_statement:  # else an older statement could be written last
            await self._nodes.seen(replace(about(self._components()), signing=tuple({*self._signers(), *self._next})))

    def _others(self, every: list[Node]) -> list[Node]:
        return [node for node in every if node.name != self._nodes.name and node.runs]

    def _ran_so(self, every: list[Node]) -> bool:
        """Whether this node served with this policy a moment ago: then only a worker is being replaced."""
        ours = about(self._components())
        return any(node.name == self._nodes.name and node.runs and node.about == ours for node in every)

    def _tell(self, found: list[str], others: int) -> None:
        if found and found != self._told:
            events.log().warning(Event.NODES_DIFFER, reason="; ".join(found))
        self._told = found
        events.log().debug(Event.NODES_COUNTED, running=others + 1, differing=len(found))


def about(components: Components) -> About:
    """What this node says of itself."""
    config = components.config
    connections = config.workers * config.database_connections
    return About(version("pgp-relay"), config.policy_digest, components.signers, connections)
