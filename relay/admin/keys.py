"""The correspondents' keys in the store: listed, found and removed.

Raises `NoSuchKey` where the name of a key matches none or several, and `StoreError`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from relay.model import Address, Certificate, Entry, Why
from relay.model.errors import RelayError
from relay.store import Sought, Store

MOST_READ = 1_000
"""Keys that a search reads."""
MOST_NAMED = 5
"""Patterns that a sentence names."""


class NoSuchKey(RelayError):
    """The name of a key matches no key, several keys, or one with which this cannot be done."""


@dataclass(frozen=True, slots=True)
class Removed:
    """The key that `remove` took out of the store."""

    fingerprint: str
    without_key: Sequence[Address]
    """Its addresses that no other stored key has."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which keys are wanted; a field that is None, empty or False filters nothing."""

    text: str = ""
    """Stands in an address, a user id or the fingerprint; case does not count."""
    domain: str = ""
    origin: str = ""
    expired: bool = False
    unusable: bool = False
    proposed: bool = False
    within: float | None = None
    """Usable now, and not any more after so many seconds."""

    def sought(self, now: float) -> Sought:
        """The part that SQL can apply; it may let more keys through than `takes`."""
        ends = [now] if self.expired else []
        ends += [] if self.within is None else [now + self.within]
        return Sought(self.text, self.domain, self.origin, self.proposed, min(ends, default=None))

    def takes(self, entry: Entry, now: float) -> bool:
        """Whether this entry is wanted."""
        certificate, why = entry.certificate, entry.certificate.unusable(now)
        return (
            (not self.text or _has(certificate, self.text.lower()))
            and (not self.domain or any(address.domain == self.domain for address in certificate.addresses))
            and (not self.origin or entry.origin.value == self.origin)
            and (not self.expired or why in {Why.EXPIRED, Why.SUBKEY_EXPIRED})
            and (not self.unusable or why is not None)
            and (not self.proposed or entry.proposed)
            and (self.within is None or (why is None and (certificate.expires or math.inf) <= now + self.within))
        )


SORTS: Mapping[str, Callable[[Entry], tuple[float, str, list[str]]]] = {
    "addresses": lambda entry: (0.0, "", _addresses(entry)),
    "expires": lambda entry: (entry.certificate.expires or math.inf, "", _addresses(entry)),
    "origin": lambda entry: (0.0, entry.origin.value, _addresses(entry)),
}
"""What keys can be sorted by."""


async def every(store: Store, wanted: Filter | None = None, sort: str = "addresses") -> list[Entry]:
    """All keys that are wanted, proposed ones too."""
    now, wanted = time.time(), wanted or Filter()
    found = [entry async for entry in store.certificates.iterate(wanted.sought(now)) if wanted.takes(entry, now)]
    return sorted(found, key=SORTS[sort])


@dataclass(frozen=True, slots=True)
class Some:
    """The first keys that a search found."""

    entries: Sequence[Entry]
    more: bool
    """Whether the store has more such keys."""


async def some(store: Store, text: str, most: int) -> Some:
    """Find up to `most` keys with this text (`Filter.text`), by address, proposed ones too; does not read all keys."""
    now, wanted = time.time(), Filter(text=text)
    if text:
        found = await store.certificates.some(wanted.sought(now), MOST_READ)
    else:
        found = await store.certificates.first(most + 1)
    fitting = {entry.certificate.fingerprint: entry for entry in found if wanted.takes(entry, now)}
    in_order = sorted(fitting.values(), key=SORTS["addresses"])
    return Some(in_order[:most], len(in_order) > most or len(found) == MOST_READ)


def _has(certificate: Certificate, text: str) -> bool:
    return text.replace(" ", "") in certificate.fingerprint.lower() or any(
        text in user_id.text.lower() or (user_id.address is not None and text in user_id.address.text.lower())
        for user_id in certificate.user_ids
    )


def _addresses(entry: Entry) -> list[str]:
    return [address.key for address in entry.certificate.listed_addresses]


async def named(store: Store, selector: str | Address) -> list[Entry]:
    """The keys of an address, or those that match a fingerprint, the beginning of one, or a key id."""
    if isinstance(selector, Address):
        return await store.certificates.by_address(selector)
    return await store.certificates.search(selector)


async def one(store: Store, name: str) -> Entry:
    """The one key with this fingerprint, beginning of a fingerprint or key id."""
    found = await store.certificates.search(name)
    if len(found) != 1:
        raise NoSuchKey(f"{name}: {'no key has it' if not found else 'several keys begin so, give more digits'}")
    return found[0]


async def remove(store: Store, name: str, actor: str) -> Removed:
    """Remove one key from the store."""
    certificate = (await one(store, name)).certificate
    await refuse_bound(store, certificate.fingerprint)
    await store.certificates.remove(certificate.fingerprint, actor=actor)
    bare = [address for address in certificate.shown_addresses if not await store.certificates.by_address(address)]
    return Removed(certificate.fingerprint, bare)


async def expiring(store: Store, within: float, most: int | None = None) -> list[Entry]:
    """The usable keys that expire within so many seconds, the next one first; at most `most` are examined."""
    return [entry for entry in await store.certificates.expiring(within, most) if not entry.proposed]


async def refuse_bound(store: Store, fingerprint: str) -> None:
    """Raise `NoSuchKey` for a bound key: without one of its keys a binding would keep all of its mail back."""
    if bound := await store.bindings.holding([fingerprint]):
        patterns = ", ".join(binding.pattern for binding in bound[:MOST_NAMED])
        first = f"pgp-relay keys unbind '{bound[0].pattern}' first, or bind other keys"
        raise NoSuchKey(f"{fingerprint}: is bound to {patterns}: {first}")
