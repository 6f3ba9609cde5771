"""Our own addresses, as administrators manage them: the organisation's key, certificates, WKD's tree.

Every change may need a second person (`four_eyes`), and is a row of the trace with who made it, also where a command
fails after some of its changes. Raises `OwnError` with a sentence, `EngineError` and `StoreError`; of `four_eyes`
`SecondPersonNeeded` and `NoPerson`.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

from relay.admin import keys
from relay.admin.four_eyes import Deed, agreed
from relay.admin.owner import become_owner
from relay.config import Config
from relay.daemon.engines import passphrase
from relay.daemon.own import build_certificates
from relay.daemon.secret_sharing import SecretSharing
from relay.mail.armor import enarmor
from relay.model import Address
from relay.model.errors import OwnError
from relay.model.key_change import KeyChange
from relay.model.own import OwnKey, OwnState
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
    made = KeyChange(time.time(), actor, "organisation", "", key.fingerprint, "organisation's key made")
    await store.trace.write([made.record()])
    return key


async def add(config: Config, store: Store, addresses: Sequence[Address], actor: str, *, listed: bool) -> list[OwnKey]:
    """A certificate for each address that has none; all of them."""
    await _agreed(config, store, actor, "add", *_keys(addresses), *([] if listed else ["--unlisted"]))
    before = {address: await store.own_keys.get(address) for address in addresses}
    certificates = await build_certificates(config, store)
    try:
        return await certificates.add(addresses, listed=listed)
    finally:
        there = [await store.own_keys.get(address) for address in before]
        changed = [key for key in there if key is not None and key != before[key.address]]
        await _note(store, actor, "own certificate made" if listed else "own certificate, unlisted", *changed)


async def remove(config: Config, store: Store, addresses: Collection[Address], actor: str) -> list[OwnKey]:
    """Publish theirs revoked for a year."""
    certificates = await build_certificates(config, store)
    for address in addresses:
        await certificates.required(address)
    await _agreed(config, store, actor, "remove", *_keys(addresses))
    removed: list[OwnKey] = []
    for address in addresses:
        removed.append(await certificates.remove(address))
        await _note(store, actor, "own certificate removed", removed[-1])
    return removed


async def revoke(config: Config, store: Store, address: Address, actor: str) -> OwnKey:
    """Publish its certificate revoked."""
    certificates = await build_certificates(config, store)
    await certificates.required(address)
    await _agreed(config, store, actor, "revoke", address.key)
    revoked = await certificates.revoke(address)
    await _note(store, actor, "own certificate revoked", revoked)
    return revoked


async def rotate(config: Config, store: Store, addresses: Sequence[Address], actor: str) -> list[OwnKey]:
    """A new encryption subkey for each of these; none given: for all that are active."""
    certificates = await build_certificates(config, store)
    await _agreed(config, store, actor, "rotate", *_keys(addresses))
    wanted = addresses or [key.address for key in await store.own_keys.all() if key.signs]
    rotated: list[OwnKey] = []
    async for key in certificates.rotate(wanted):
        await _note(store, actor, "own encryption subkey made anew", key)
        rotated.append(key)
    return rotated


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
    told = KeyChange(time.time(), actor, "partner's key", certificate.fingerprint, certificate.fingerprint, "certified")
    await store.trace.write([told.record()])
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
    key, *_ = [await certificates.required(own) for own in (address, *others)]
    await _agreed(config, store, actor, "allow" if allowed else "disallow", address.key, *_keys(others))
    change = store.own_keys.allow if allowed else store.own_keys.disallow
    await change(address, others)
    for other in others:
        await _note(store, actor, f"mail to {other.key} {'may' if allowed else 'may not'} be opened for it", key)


async def read_wkd(config: Config, store: Store, file: BinaryIO) -> int:
    """Put the tree of all own domains into this file, for `write_wkd`. Returns the number of addresses in it."""
    domains = config.own.domains
    if not domains:
        raise OwnError("own.domains is empty: there is nothing to publish")
    keys = [key for key in await store.own_keys.all() if key.address.domain in domains]
    files = wkd_tree.published(keys, time.time())
    file.write(json.dumps({path: b64encode(octets).decode() for path, octets in files.items()}).encode())
    file.flush()
    return sum(key.listed for key in keys)


def write_wkd(config: Config, folder: Path, file: BinaryIO) -> int:
    """Write the tree that `read_wkd` put into this file; run by root, as the owner of the folder. Returns 0."""
    become_owner(folder)
    file.seek(0)
    files = {path: b64decode(octets) for path, octets in json.load(file).items()}
    wkd_tree.write(folder, config.own.domains, files)
    return 0


async def _agreed(config: Config, store: Store, actor: str, *words: str) -> None:
    await agreed(config, store, Deed("own", f"own {' '.join(words)}", words), actor)


async def _note(store: Store, actor: str, reason: str, *keys: OwnKey) -> None:
    """Write to the trace who changed these certificates. One that is no longer active stands there as the old key."""
    now = time.time()
    sides = [(key.address.key, key.fingerprint, key.state is OwnState.ACTIVE) for key in keys]
    told = [KeyChange(now, actor, name, "" if on else key, key if on else "", reason) for name, key, on in sides]
    await store.trace.write([change.record() for change in told])


def _keys(addresses: Collection[Address]) -> list[str]:
    return [address.key for address in addresses]
