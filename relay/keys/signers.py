"""Which certificates may have signed an incoming mail: `relay.pipeline.ports.SignerLookup`.

The author's are looked for where those that mail is encrypted to are found: our own certificates, the store, then WKD
and LDAP, whose answer is in the store then. A source that does not answer leaves the signer unknown, and stops no mail.
Raises `StoreError`.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from typing import Protocol

from relay.keys.bound import KnownBindings
from relay.model import Address, Entry, Found, Lookup, Origin, Outage
from relay.model.errors import StoreError
from relay.model.signers import Signers, counts, spoken_for
from relay.pipeline.ports import Source


class StoredCertificates(Protocol):
    """`relay.store.Certificates`, as far as it is needed."""

    async def by_address(self, address: Address) -> Sequence[Entry]:
        """The stored certificates with this address."""

    async def by_fingerprints(self, fingerprints: Collection[str]) -> Mapping[str, Entry]:
        """The stored certificates among these full fingerprints."""

    async def by_key_ids(self, key_ids: Collection[str]) -> Sequence[Entry]:
        """Those that have one of these keys or subkeys."""

    async def is_approved(self, fingerprint: str) -> bool:
        """Whether a person took it beside an imported one."""


class Finder(Protocol):
    """The lookup of keys in all sources (`relay.keys.resolver.Resolver`)."""

    async def find_all(self, wanted: Mapping[Address, frozenset[str]]) -> dict[Address, Lookup]:
        """Asks the sources; what they have is in the store then."""


class KnownSigners:
    """Looks in the store, after the sources were asked."""

    def __init__(
        self,
        certificates: StoredCertificates,
        finder: Finder,
        own: Source | None = None,
        bindings: KnownBindings | None = None,
    ) -> None:
        self._certificates = certificates
        self._finder = finder
        self._own = own
        self._bindings = bindings

    async def of(self, author: Address | None) -> Signers:
        """Those trusted for exactly this address."""
        if author is None:
            return Signers()
        if own := await self._own_certificate(author):
            return Signers(author=(own,))
        await self._finder.find_all({author: frozenset()})
        return Signers(author=(*await self._trusted(author), *await self._bound(author)))

    async def made_by(self, key_ids: Collection[str], known: Signers) -> Signers:
        """The same, and all others that have one of these keys."""
        there = {entry.certificate.fingerprint for entry in known.author}
        found = await self._certificates.by_key_ids(key_ids)
        return Signers(known.author, tuple(e for e in found if e.certificate.fingerprint not in there))

    async def _own_certificate(self, author: Address) -> Entry | None:
        """The one that we made for this very address."""
        found = await self._own.lookup(author) if self._own else None
        if isinstance(found, Outage):
            raise StoreError(found.reason)
        if isinstance(found, Found) and author in spoken_for(found.certificate):
            return Entry(found.certificate, found.origin, 0)
        return None

    async def _bound(self, author: Address) -> tuple[Entry, ...]:
        """The keys of the binding that covers this address, where it says that they sign."""
        binding = await self._bindings.of(author) if self._bindings else None
        if binding is None or not binding.signs:
            return ()
        known = await self._certificates.by_fingerprints(binding.fingerprints)
        return tuple(entry for entry in known.values() if not entry.proposed)

    async def _trusted(self, author: Address) -> tuple[Entry, ...]:
        """Certificates from an administrator or from the author's own directory."""
        entries = await self._certificates.by_address(author)
        fetched = [e.certificate.fingerprint for e in entries if e.origin is not Origin.IMPORTED]
        approved = {fingerprint for fingerprint in fetched if await self._certificates.is_approved(fingerprint)}
        return trusted(entries, author, approved)


def trusted(entries: Iterable[Entry], author: Address, approved: Container[str] = ()) -> tuple[Entry, ...]:
    """Of the certificates with this address, those whose signature counts for it.

    Where an administrator imported one, only imported and `approved` ones do (fingerprints).
    """
    known = [entry for entry in entries if counts(entry) and author in spoken_for(entry.certificate)]
    chosen = [e for e in known if e.origin is Origin.IMPORTED or e.certificate.fingerprint in approved]
    return tuple(chosen if any(entry.origin is Origin.IMPORTED for entry in known) else known)
