"""The correspondents' keys in the store: listed, found, removed, approved and rejected.

Raises `NoSuchKey` where a name of a key fits none or several, and `StoreError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.model import Address, Entry
from relay.model.errors import RelayError
from relay.store import Store


class NoSuchKey(RelayError):
    """The name of a key fits no key, or several, or one with which this cannot be done."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    fingerprint: str
    without_key: Sequence[Address]
    """Its addresses that no other stored key has."""


async def every(store: Store) -> list[Entry]:
    """All keys, proposed ones too, by their addresses."""
    return sorted([entry async for entry in store.certificates.iterate()], key=_addresses)


def _addresses(entry: Entry) -> list[str]:
    return [address.key for address in entry.certificate.addresses]


async def named(store: Store, selector: str | Address) -> list[Entry]:
    """Those of an address, or those that a fingerprint, its beginning or a key id fits."""
    if isinstance(selector, Address):
        return await store.certificates.by_address(selector)
    return await store.certificates.search(selector)


async def one(store: Store, name: str) -> Entry:
    """The one key with this fingerprint, beginning of a fingerprint or key id."""
    found = await store.certificates.search(name)
    if len(found) != 1:
        raise NoSuchKey(f"{name}: {'no key has it' if not found else 'several keys begin so, give more digits'}")
    return found[0]


async def remove(store: Store, name: str) -> Removed:
    """Take one key out."""
    certificate = (await one(store, name)).certificate
    await store.certificates.remove(certificate.fingerprint)
    bare = [address for address in certificate.addresses if not await store.certificates.by_address(address)]
    return Removed(certificate.fingerprint, bare)


async def expiring(store: Store, within: float) -> list[Entry]:
    """Those that are usable now and will not be in so many seconds, the next to end first."""
    return [entry for entry in await store.certificates.expiring(within) if not entry.proposed]


async def approve(store: Store, name: str) -> str:
    """Use a proposed key from now on; its fingerprint."""
    fingerprint = (await one(store, name)).certificate.fingerprint
    if not await store.certificates.approve(fingerprint):
        raise _not_proposed(fingerprint, "approve")
    return fingerprint


async def reject(store: Store, name: str) -> str:
    """Take a proposed key out and do not have it proposed again; its fingerprint."""
    fingerprint = (await one(store, name)).certificate.fingerprint
    if not await store.certificates.reject(fingerprint):
        raise _not_proposed(fingerprint, "reject")
    return fingerprint


def _not_proposed(fingerprint: str, verb: str) -> NoSuchKey:
    return NoSuchKey(f"{fingerprint}: is not proposed, there is nothing to {verb}")
