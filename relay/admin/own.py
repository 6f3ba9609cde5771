"""Our own addresses, as administrators manage them: the organisation's key, certificates, WKD's tree.

Raises `OwnError` with a sentence, `EngineError` and `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from relay.admin import keys
from relay.config import Config
from relay.daemon.engines import passphrase
from relay.daemon.own import build_certificates
from relay.mail.armor import enarmor
from relay.model import Address
from relay.model.errors import OwnError
from relay.model.own import OwnKey
from relay.openpgp import certifying, signing
from relay.own import wkd_tree
from relay.store import Store


async def create(config: Config, store: Store, name: str, passphrase: bytes | None) -> signing.GeneratedKey:
    """Make the organisation's key, which certifies the certificates of all own addresses."""
    if await store.own_keys.organisation():
        raise OwnError("the organisation has a key already: own list shows it")
    key = await signing.generate_organisation(config.keyring, name, passphrase)
    await store.own_keys.set_organisation(key.fingerprint)
    return key


async def add(config: Config, store: Store, addresses: Sequence[Address], *, listed: bool) -> list[OwnKey]:
    """A certificate for each address that has none; all of them."""
    return await (await build_certificates(config, store)).add(addresses, listed=listed)


async def remove(config: Config, store: Store, addresses: Collection[Address]) -> list[OwnKey]:
    """Publish theirs revoked for a year."""
    certificates = await build_certificates(config, store)
    for address in addresses:
        await certificates.required(address)
    return [await certificates.remove(address) for address in addresses]


async def revoke(config: Config, store: Store, address: Address) -> OwnKey:
    """Publish its certificate revoked."""
    return await (await build_certificates(config, store)).revoke(address)


async def rotate(config: Config, store: Store, addresses: Sequence[Address]) -> list[OwnKey]:
    """A new encryption subkey for each of these; none given: for all that are active."""
    certificates = await build_certificates(config, store)
    wanted = addresses or [key.address for key in await store.own_keys.all() if key.signs]
    return [await certificates.rotate(address) for address in wanted]


async def certify(config: Config, store: Store, name: str) -> tuple[str, str]:
    """Certify a partner's key by the organisation's; its fingerprint, and the certified key, armored."""
    organisation = await store.own_keys.organisation()
    if organisation is None:
        raise OwnError("the organisation has no key yet: own create makes it")
    certificate = (await keys.one(store, name)).certificate
    if why := certificate.unusable(time.time()):
        raise OwnError(f"{certificate.fingerprint} is not certified: {why}")
    data = await certifying.certify(config.keyring, organisation, certificate.data, passphrase(config))
    return certificate.fingerprint, enarmor(data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n")


async def show(store: Store, address: Address) -> str:
    """Its certificate as published, armored."""
    key = await store.own_keys.get(address)
    if key is None:
        raise OwnError(f"{address.text} has no certificate: own add makes one")
    return enarmor(key.data, "PUBLIC KEY BLOCK").decode("ascii").replace("\r\n", "\n")


async def allow(config: Config, store: Store, address: Address, others: Sequence[Address], *, allowed: bool) -> None:
    """Mail encrypted to a key of `others` may, or may not any more, be opened for `address`."""
    certificates = await build_certificates(config, store)
    for own in (address, *others):
        await certificates.required(own)
    change = store.own_keys.allow if allowed else store.own_keys.disallow
    await change(address, others)


async def export_wkd(config: Config, store: Store, folder: Path) -> int:
    """Write the tree of all own domains; how many addresses it answers for."""
    if not config.own.domains:
        raise OwnError("own.domains is empty: there is nothing to publish")
    keys = await store.own_keys.all()
    wkd_tree.write(folder, config.own.domains, wkd_tree.published(keys, time.time()))
    return sum(key.listed for key in keys)
