"""Replaces and revokes the keys that `sign` names, for administrators.

Revoking may need a second person (`four_eyes`, as for `own`). Raises `EngineError`, `NodeError` and `StoreError`; from
`four_eyes` `SecondPersonNeeded` and `NoPerson`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from relay.admin.four_eyes import Deed, agreed
from relay.admin.successors import Successors
from relay.config import Config
from relay.daemon.engines import signers
from relay.daemon.secret_sharing import SecretSharing
from relay.model.errors import EngineError
from relay.model.key_change import KeyChange
from relay.openpgp import signing
from relay.store import Store


@dataclass(frozen=True, slots=True)
class Replaced:
    """A signing key that has a successor. It signs until the configuration names the successor."""

    old: str
    new: str
    public_key: str
    """The successor's public key, armored, for correspondents."""


async def replace(config: Config, successors: Successors, made: list[Replaced]) -> None:
    """Give each key that `sign` names a successor with the same user id, and add it to `made`.

    A key that is a successor itself is kept. A key on a card is left out: no other node had its secret part.
    """
    on_card = {key.fingerprint for key in await signing.secret_keys(config.keyring) if key.on_card}
    for old in sorted(set((await signers(config)).values()) - on_card):
        if (new := await successors.of(old)) != old:
            made.append(Replaced(old, new, await signing.export(config.keyring, new)))  # noqa: PERF401  kept if a later one fails


async def revoke(config: Config, store: Store, fingerprint: str, actor: str) -> str:
    """Revoke a signing key that is used no more, on all nodes. Returns its public key with the revocation, armored."""
    await _refuse_used(config, store, fingerprint)
    await agreed(config, store, Deed("own", f"keys revoke {fingerprint}", ("revoke", fingerprint)), actor)
    await signing.revoke(config.keyring, fingerprint)
    change = KeyChange(time.time(), actor, "signing key", fingerprint, "", "revoked")
    await store.trace.write([change.record()])
    if store.is_shared:
        secrets = SecretSharing(config.keyring, store)
        await secrets.trust.learn()
        await secrets.give()
    return await signing.export(config.keyring, fingerprint)


async def _refuse_used(config: Config, store: Store, fingerprint: str) -> None:
    if all(key.fingerprint != fingerprint for key in await signing.secret_keys(config.keyring)):
        raise EngineError(f"the keyring has no secret key {fingerprint}")
    if fingerprint == await store.own_keys.organisation():
        raise EngineError(f"{fingerprint} is the organisation's key: pgp-relay node remove NODE replaces it")
    if fingerprint in {key.fingerprint for key in await store.own_keys.all()}:
        raise EngineError(f"{fingerprint} is the key of an own address: pgp-relay own revoke ADDRESS")
    if fingerprint in (await signers(config)).values():
        raise EngineError(f"sign names {fingerprint}: write another key there first, and reload the relay")
    if using := [n.name for n in await store.nodes.all() if n.runs and fingerprint in n.about.signing]:
        raise EngineError(f"node {', '.join(using)} signs with {fingerprint}: change sign there, and reload the relay")
