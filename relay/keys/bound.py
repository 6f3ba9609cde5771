"""The keys that a binding has for an address (`relay.model.binding`).

All of them are used, or none: one that is missing or must not be used makes the whole binding unusable, and that is
never "no key". An imported key of the exact address comes before any binding. Raises `StoreError`.
"""

from __future__ import annotations

from typing import Protocol

from relay.keys.current import KnownCertificates
from relay.keys.keyring import Keyring
from relay.model import Address, Entry, Found, Origin, Unusable, Why
from relay.model.binding import Binding

NAME = "binding"


class KnownBindings(Protocol):
    """The bindings in the store (`relay.store.Bindings`)."""

    async def of(self, address: Address) -> Binding | None:
        """The one that counts for this address."""


class BoundKeys:
    """`lookup` before the sources."""

    def __init__(self, bindings: KnownBindings, certificates: KnownCertificates, keyring: Keyring) -> None:
        self._bindings = bindings
        self._certificates = certificates
        self._keyring = keyring

    async def lookup(self, address: Address) -> Found | Unusable | None:
        """What the binding of this address has; None where there is none, or where an imported key comes first."""
        binding = await self._bindings.of(address)
        if binding is None or await self._keyring.has_imported(address):
            return None
        return await self.judge(binding)

    async def judge(self, binding: Binding) -> Found | Unusable:
        """All keys of it, or the first that must not be used."""
        method = f"{NAME} {binding.pattern}"
        entries: list[Entry] = []
        for fingerprint in binding.fingerprints:
            entry = await self._certificates.by_fingerprint(fingerprint)
            if entry is None:
                return Unusable(Why.NOT_THERE, fingerprint, Origin.IMPORTED, NAME, method, binding=binding.pattern)
            if why := self._keyring.fault(entry.certificate):
                return Unusable(
                    why,
                    fingerprint,
                    entry.origin,
                    NAME,
                    method,
                    entry.certificate.expires,
                    entry.certificate,
                    binding.pattern,
                )
            entries.append(entry)
        first, *others = (self._keyring.trimmed(entry.certificate) for entry in entries)
        return Found(first, entries[0].origin, NAME, method, tuple(others), binding.pattern)
