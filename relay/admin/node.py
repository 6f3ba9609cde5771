"""Adds, lists and removes the nodes that hand each other their secret keys, for administrators.

Adding and removing may need a second person (`four_eyes`, as for `own`). Raises `NodeError` with a sentence,
`EngineError`, `OwnError` and `StoreError`; from `four_eyes` `SecondPersonNeeded` and `NoPerson`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from relay.admin.four_eyes import Deed, agreed
from relay.admin.rekeying import Rekeyed, Rekeying
from relay.admin.successors import Successors
from relay.config import Config
from relay.daemon.secret_sharing import SecretSharing
from relay.model.errors import NodeError
from relay.model.key_change import KeyChange
from relay.model.node_key import NodeKey
from relay.store import Store


@dataclass(frozen=True, slots=True)
class Partner:
    """One row of `node list`: a node that has a key."""

    key: NodeKey
    state: str
    """this: it is this one; added: it is trusted; shown: nobody has compared its fingerprint here."""
    by: str
    """The node that vouches for it; empty: the administrator of this one."""
    runs: bool
    secrets: int
    """The number of secret keys that the node has reported."""


def sharing(config: Config, store: Store) -> SecretSharing:
    """The object that exchanges secret keys. Raises `NodeError` where the store belongs to one machine."""
    if not store.is_shared:
        raise NodeError("the store is a SQLite file: there are no other nodes")
    return SecretSharing(config.keyring, store)


async def show(config: Config, store: Store) -> NodeKey:
    """Return the key of this node, and publish it to the other nodes. Makes it where there is none."""
    own = await sharing(config, store).own()
    await store.node_keys.show(own)
    return own


async def add(config: Config, store: Store, node: str, fingerprint: str, actor: str) -> None:
    """Trust the key that this other node has published, and give that node all secret keys of this one."""
    if node == store.nodes.name:
        raise NodeError(f"{node} is this node: run pgp-relay node add NODE FINGERPRINT on another one")
    secrets = sharing(config, store)
    await show(config, store)
    await secrets.trust.learn()
    key = _shown_key(await store.node_keys.all(), node, fingerprint)
    if key.fingerprint in secrets.trust.now.removed:
        raise NodeError(f"this key of node {node} was removed: delete the folder node in its keyring, and add it anew")
    await agreed(config, store, _deed("add", node, key.fingerprint), actor)
    await secrets.trust.add(key)
    await _note(store, KeyChange(time.time(), actor, f"node {node}", "", key.fingerprint, "its key is trusted"))
    await secrets.give()


async def partners(config: Config, store: Store) -> list[Partner]:
    """All nodes with a key, by name."""
    own = await show(config, store)
    secrets = sharing(config, store)
    await secrets.trust.learn()
    trusted = secrets.trust.now.keys
    names = {fingerprint: known.node for fingerprint, known in trusted.items()}
    running = {node.name for node in await store.nodes.all() if node.runs}
    return [
        Partner(
            key,
            "this" if key == own else "added" if key.fingerprint in trusted else "shown",
            names.get(trusted[key.fingerprint].by, "") if key != own and key.fingerprint in trusted else "",
            key.node in running,
            await store.node_keys.held(key.fingerprint),
        )
        for key in await store.node_keys.all()
    ]


async def remove(config: Config, store: Store, node: str, actor: str) -> Rekeyed:
    """Stop trusting a node's key, on all nodes; replace the organisation's key, own certificates and signing keys."""
    if node == store.nodes.name:
        raise NodeError(f"{node} is this node: run pgp-relay node remove NODE on a node that stays")
    secrets = sharing(config, store)
    await show(config, store)
    await secrets.trust.learn()
    shown = {key.fingerprint: key for key in await store.node_keys.all()}
    trust = secrets.trust.now
    lost = [fingerprint for fingerprint, known in trust.keys.items() if known.node == node]
    begun = [f for f, key in shown.items() if key.node == node and f in trust.removed]
    await agreed(config, store, _deed("remove", node), actor)
    if not lost and not begun and not await store.nodes.remove(node):
        raise NodeError(f"node {node} is not known: pgp-relay node list")
    if lost:
        await store.node_removals.begin(node)
    for fingerprint in lost:
        await secrets.trust.remove(shown.get(fingerprint, NodeKey(node, fingerprint, b"")))
    told = [KeyChange(time.time(), actor, f"node {node}", fingerprint, "", "removed") for fingerprint in lost]
    await _note(store, *told)
    made = Rekeyed("", 0, ())
    if lost or begun:
        had = [await store.node_keys.given(fingerprint) for fingerprint in begun]
        again = frozenset[str]().union(*had) if begun and not lost else None
        made = await Rekeying(config, store, secrets, Successors(config, store, node), again).run()
    if not made.failed:  # until then they say that it is not done
        await store.node_keys.forget(node, [*lost, *begun])
        await store.nodes.remove(node)
        await store.node_removals.finish(node)
    return made


async def _note(store: Store, *changes: KeyChange) -> None:
    """Write to the trace who is given secret keys, and who decided so."""
    await store.trace.write([change.record() for change in changes])


def _deed(*words: str) -> Deed:
    return Deed("own", f"node {' '.join(words)}", ("node", *words))


def _shown_key(keys: Collection[NodeKey], node: str, fingerprint: str) -> NodeKey:
    """The key with this fingerprint that this node has published. Raises `NodeError` where there is none."""
    plain = fingerprint.replace(" ", "").removeprefix("0x").upper()
    for key in keys:
        if key.node == node:
            if key.fingerprint == plain:
                return key
            raise NodeError(f"node {node} shows another key, with the fingerprint {key.fingerprint}")
    raise NodeError(f"node {node} shows no key: run pgp-relay node add there first")
