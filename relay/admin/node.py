"""Adds, lists and removes the nodes that hand each other their secret keys, for administrators.

Adding and removing may need a second person (`four_eyes`, as for `own`). Raises `NodeError` with a sentence,
`EngineError`, `OwnError` and `StoreError`; from `four_eyes` `SecondPersonNeeded` and `NoPerson`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from relay.admin import signing_keys
from relay.admin.four_eyes import Deed, agreed
from relay.admin.signing_keys import Replaced
from relay.config import Config
from relay.daemon.engines import passphrase
from relay.daemon.own import build_certificates
from relay.daemon.secret_sharing import SecretSharing, wanted_key
from relay.model.errors import NodeError
from relay.model.key_change import KeyChange
from relay.model.node_key import NodeKey
from relay.openpgp import signing
from relay.store import Store

AT_ONCE = 100
"""The number of certificates that are replaced at a time."""


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


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The keys that were replaced because a node is lost."""

    organisation: str
    """The fingerprint of its new key; empty: it has none."""
    addresses: int
    signers: tuple[Replaced, ...]
    """The keys that `sign` names, and what was made in their place."""


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
        raise NodeError(f"{node} is this node: pgp-relay node add NODE FINGERPRINT is run on another one")
    secrets = sharing(config, store)
    await show(config, store)
    await secrets.trust.learn()
    key = wanted_key(await store.node_keys.all(), node, fingerprint)
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
        raise NodeError(f"{node} is this node: pgp-relay node remove NODE is run on one that stays")
    secrets = sharing(config, store)
    await show(config, store)
    await secrets.trust.learn()
    lost = [fingerprint for fingerprint, known in secrets.trust.now.keys.items() if known.node == node]
    await agreed(config, store, _deed("remove", node), actor)
    shown = {key.fingerprint: key for key in await store.node_keys.all()}
    if not lost and not await store.nodes.remove(node):
        raise NodeError(f"node {node} is not known: pgp-relay node list")
    for fingerprint in lost:
        await secrets.trust.remove(shown.get(fingerprint, NodeKey(node, fingerprint, b"")))
    told = [KeyChange(time.time(), actor, f"node {node}", fingerprint, "", "removed") for fingerprint in lost]
    await _note(store, *told)
    await store.node_keys.forget(node, lost)
    await store.nodes.remove(node)
    return await _rekey(config, store, secrets) if lost else Rekeyed("", 0, ())


async def _note(store: Store, *changes: KeyChange) -> None:
    """Write to the trace who is given secret keys, and who decided so."""
    await store.trace.write([change.record() for change in changes])


def _deed(*words: str) -> Deed:
    return Deed("own", f"node {' '.join(words)}", ("node", *words))


async def _rekey(config: Config, store: Store, secrets: SecretSharing) -> Rekeyed:
    organisation = await _new_organisation(config, store, secrets)
    addresses = await _new_certificates(config, store) if organisation else 0
    return Rekeyed(organisation, addresses, await signing_keys.replace(config, secrets))


async def _new_organisation(config: Config, store: Store, secrets: SecretSharing) -> str:
    old = await store.own_keys.organisation()
    if old is None:
        return ""
    before = await secrets.names()
    made = await signing.generate_successor(config.keyring, old, passphrase(config))
    await secrets.share(await secrets.names() - before)
    await store.own_keys.set_organisation(made.fingerprint)
    await signing.revoke(config.keyring, old)
    await secrets.give()
    return made.fingerprint


async def _new_certificates(config: Config, store: Store) -> int:
    certificates = await build_certificates(config, store)
    keys, made = [key for key in await store.own_keys.all() if key.signs], 0
    for at in range(0, len(keys), AT_ONCE):
        made += len(await certificates.succeed(keys[at : at + AT_ONCE]))
    return made
