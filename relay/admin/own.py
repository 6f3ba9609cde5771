"""Our own addresses, as administrators manage them: the organisation's key, certificates, WKD's tree.

Every change may need a second person (`four_eyes`). Raises `OwnError` with a sentence, `EngineError` and `StoreError`;
of `four_eyes` `SecondPersonNeeded` and `NoPerson`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from relay.admin import keys
from relay.admin.four_eyes import Deed, agreed
from relay.config import Config
from relay.daemon.engines import passphrase
from relay.daemon.own import build_certificates
from relay.daemon.secret_sharing import SecretSharing
from relay.mail.armor import enarmor
from relay.model import Address
from relay.model.errors import OwnError
from relay.model.own import OwnKey
from relay.openpgp import certifying, signing
from relay.own import wkd_tree
from relay.store import Store


async def create(config: Config, store: Store, name: str, passphrase: bytes | None, actor: str) -> signing.GeneratedKey:
    """Make the organisation's key, which certifies the certificates of all own addresses."""
    if await store.own_keys.organisation():
        raise OwnError("the organisation has a key already: own list shows it")
    await _agreed(config, store, actor, "create", name)
    secrets = SecretSharing(config.keyring, store)
    before = await secrets.names()
    key = await signing.generate_organisation(config.keyring, name, passphrase)
    if store.is_shared:
        await secrets.share(await secrets.names() - before)
    await store.own_keys.set_organisation(key.fingerprint)
    return key


async def add(config: Config, store: Store, addresses: Sequence[Address], actor: str, *, listed: bool) -> list[OwnKey]:
    """A certificate for each address that has none; all of them."""
    await _agreed(config, store, actor, "add", *_keys(addresses), f"listed={listed}")
    return await (await build_certificates(config, store)).add(addresses, listed=listed)


async def remove(config: Config, store: Store, addresses: Collection[Address], actor: str) -> list[OwnKey]:
    """Publish theirs revoked for a year."""
    certificates = await build_certificates(config, store)
    for address in addresses:
        await certificates.required(address)
    await _agreed(config, store, actor, "remove", *_keys(addresses))
    return [await certificates.remove(address) for address in addresses]


async def revoke(config: Config, store: Store, address: Address, actor: str) -> OwnKey:
    """Publish its certificate revoked."""
    certificates = await build_certificates(config, store)
    await certificates.required(address)
    await _agreed(config, store, actor, "revoke", address.key)
    return await certificates.revoke(address)


async def rotate(config: Config, store: Store, addresses: Sequence[Address], actor: str) -> list[OwnKey]:
    """A new encryption subkey for each of these; none given: for all that are active."""
    certificates = await build_certificates(config, store)
    await _agreed(config, store, actor, "rotate", *_keys(addresses))
    wanted = addresses or [key.address for key in await store.own_keys.all() if key.signs]
    return [await certificates.rotate(address) for address in wanted]


async def certify(config: Config, store: Store, name: str, actor: str) -> tuple[str, str]:
    """Certify a partner's key by the organisation's; its fingerprint, and the certified key, armored."""
    organisation = await store.own_keys.organisation()
    if organisation is None:
        raise OwnError("the organisation has no key yet: pgp-relay own create NAME")
    certificate = (await keys.one(store, name)).certificate
    if why := certificate.unusable(time.time()):
        raise OwnError(f"{certificate.fingerprint} is not certified: {why}")
    await _agreed(config, store, actor, "certify", certificate.fingerprint)
    data = await certifying.certify(config.keyring, organisation, certificate.data, passphrase(config))
    return certificate.fingerprint, enarmor(data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n")


async def show(store: Store, address: Address) -> str:
    """Its certificate as published, armored."""
    key = await store.own_keys.get(address)
    if key is None:
        raise OwnError(f"{address.text} has no certificate: pgp-relay own add {address.text}")
    return enarmor(key.data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n")


async def allow(  # noqa: PLR0913  each is said by the command
    config: Config, store: Store, address: Address, others: Sequence[Address], actor: str, *, allowed: bool
) -> None:
    """Mail encrypted to a key of `others` may, or may not any more, be opened for `address`."""
    certificates = await build_certificates(config, store)
    for own in (address, *others):
        await certificates.required(own)
    await _agreed(config, store, actor, "allow" if allowed else "disallow", address.key, *_keys(others))
    change = store.own_keys.allow if allowed else store.own_keys.disallow
    await change(address, others)


async def export_wkd(config: Config, store: Store, folder: Path) -> int:
    """Write the tree of all own domains; how many addresses it answers for."""
    if not config.own.domains:
        raise OwnError("own.domains is empty: there is nothing to publish")
    keys = await store.own_keys.all()
    wkd_tree.write(folder, config.own.domains, wkd_tree.published(keys, time.time()))
    return sum(key.listed for key in keys)


async def _agreed(config: Config, store: Store, actor: str, *words: str) -> None:
    await agreed(config, store, Deed("own", f"own {' '.join(words)}", words), actor)


def _keys(addresses: Collection[Address]) -> list[str]:
    return [address.key for address in addresses]
