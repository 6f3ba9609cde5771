"""The local store as a source of keys: `relay.pipeline.ports.Source` with the name `keyring` (DESIGN 6).

The exact address first, then the one without its `+tag`. Of several usable certificates the newest imported
one; a fetched one only where none was imported; one that must not be used never stands in the way of a good
one, and never decays to "no key". Proposed certificates are not looked at. A store that cannot be read is an
`Outage`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import StoreError

NAME = "keyring"

_RENEWABLE = (
    Why.WEAK,
    Why.UNSUPPORTED,
    Why.NOT_YET_VALID,
    Why.EXPIRED,
    Why.SUBKEY_EXPIRED,
    Why.SUBKEY_REVOKED,
    Why.NO_ENCRYPTION,
    Why.NO_USER_ID,
    Why.USER_ID_REVOKED,
    Why.DISABLED,
    Why.INVALID,
    Why.REVOKED,
)
"""Told first is what its owner can mend most easily, and what other sources may bring renewed."""


class Certificates(Protocol):
    """What is asked of the store."""

    async def by_address(self, address: Address) -> Sequence[Entry]:
        """Those with this address, in any order. Raises `StoreError`."""


class Keyring:
    """Implements `relay.pipeline.ports.Source`."""

    def __init__(
        self,
        certificates: Certificates,
        *,
        refuse_weak: bool = False,
        versions: frozenset[int] = frozenset({3, 4, 6}),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._certificates = certificates
        self._refuse_weak = refuse_weak
        self._versions = versions
        self._clock = clock

    @property
    def name(self) -> str:
        """`keyring`."""
        return NAME

    async def lookup(self, address: Address, passed_over: Collection[str] = ()) -> Lookup:
        """What the store has for this address but for these fingerprints. Never raises."""
        try:
            for wanted in filter(None, (address, address.untagged)):
                known = await self._certificates.by_address(wanted)
                entries = [e for e in known if not e.proposed and e.certificate.fingerprint not in passed_over]
                if entries:
                    return self.judge(entries, wanted)
        except StoreError as error:
            return Outage(NAME, str(error), NAME)
        return NotFound(NAME, NAME)

    def judge(self, entries: Sequence[Entry], address: Address) -> Found | Unusable:
        """The one of these (at least one) that counts for this very address."""
        at = self._clock()
        unusable: list[tuple[int, Unusable]] = []
        for entry in sorted(entries, key=_imported_then_newest):
            certificate = entry.certificate
            why = self._why_not(certificate, address, at)
            if why is None:
                return Found(certificate, entry.origin, NAME, NAME)
            told = Unusable(why, certificate.fingerprint, entry.origin, NAME, NAME, certificate.expires)
            unusable.append((_RENEWABLE.index(why), told))
        return min(unusable, key=lambda ranked: ranked[0])[1]

    def _why_not(self, certificate: Certificate, address: Address, at: float) -> Why | None:
        why = certificate.unusable(at, address)
        if why is None and certificate.version not in self._versions:
            return Why.UNSUPPORTED
        if why is None and self._refuse_weak and certificate.weaknesses:
            return Why.WEAK
        return why


def _imported_then_newest(entry: Entry) -> tuple[bool, int]:
    return entry.origin is not Origin.IMPORTED, -entry.updated
