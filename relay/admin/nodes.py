"""The nodes that share the database, as administrators ask for them. Raises `StoreError`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.config import Config
from relay.daemon.secret_sharing import SecretSharing
from relay.store import Node, Store


@dataclass(frozen=True, slots=True)
class Standing:
    """One node, and which duties it had last."""

    node: Node
    duties: tuple[str, ...]


async def standings(store: Store) -> list[Standing]:
    """All of them, by name."""
    holders = await store.leases.holders()
    return [Standing(node, tuple(holders.get(node.name, ()))) for node in await store.nodes.all()]


async def strangers(config: Config, store: Store, others: Sequence[Node]) -> str:
    """The nodes among these that get no secret keys of own addresses; empty: none, or there are no own addresses."""
    if not config.own.domains or not store.is_shared:
        return ""
    given = {key.node for key in await SecretSharing(config.keyring, store).receivers()}
    names = [node.name for node in others if node.name not in given]
    return f"not given the secret keys of own addresses: {', '.join(names)} (node add)" if names else ""


async def unfinished(store: Store) -> list[str]:
    """A sentence for each node whose removal has to be run again, or is running now."""
    return [
        f"not all keys that node {name} had are replaced: pgp-relay node remove {name}"
        for name in await store.node_removals.unfinished()
    ]


async def crowded(store: Store) -> str:
    """What to do where all nodes together may want more connections than the server takes; empty: nothing."""
    most = await store.nodes.most_connections()
    wanted = sum(node.about.connections for node in await store.nodes.all() if node.runs)
    if most is None or wanted <= most:
        return ""
    return f"all nodes may open {wanted} connections, and the database takes {most}: raise max_connections"
