"""The store as a source of keys: `relay.pipeline.ports.Source` with the name `keyring`.

The exact address is looked up first, then the one without its `+tag`. An imported certificate is used before a
fetched one, and the newest of several (`relay.keys.selection`). One that must not be used hides no usable one, and is
never answered as "no key". Proposed certificates are left out. A store that cannot be read is an `Outage`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from relay.keys import selection
from relay.keys.current import KnownCertificates
from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import StoreError
from relay.model.lookup import ORDER

NAME = "keyring"


class Keyring:
    """Implements `relay.pipeline.ports.Source`. With `imported=False` it has only what other sources brought."""

    def __init__(
        self,
        certificates: KnownCertificates,
        *,
        refuse_weak: bool = False,
        versions: frozenset[int] = frozenset({3, 4, 6}),
        imported: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._certificates = certificates
        self._refuse_weak = refuse_weak
        self._versions = versions
        self._imported = imported
        self._clock = clock

    @property
    def name(self) -> str:
        """The word for this source in configuration and log: `keyring`."""
        return NAME

    async def lookup(self, address: Address, passed_over: Collection[str] = ()) -> Lookup:
        """What the store has for this address, without these fingerprints. Never raises."""
        try:
            for wanted in filter(None, (address, address.untagged)):
                known = await self._certificates.by_address(wanted)
                entries = [entry for entry in known if entry.certificate.fingerprint not in passed_over]
                if counted := [entry for entry in entries if self._counts(entry)]:
                    return self.judge(counted, wanted)
        except StoreError as error:
            return Outage(NAME, str(error), NAME)
        return NotFound(NAME, NAME)

    def _counts(self, entry: Entry) -> bool:
        if entry.origin is Origin.HARVESTED and self.fault(entry.certificate):
            return False  # an unusable key that came with mail counts as no key: anybody could have sent it
        return not entry.proposed and (self._imported or entry.origin is not Origin.IMPORTED)

    def judge(self, entries: Sequence[Entry], address: Address) -> Found | Unusable:
        """Which of these (at least one) counts for this very address: the first usable one by its origin."""
        at = self._clock()
        groups = ([entry for entry in entries if entry.origin in origins] for origins in ORDER)
        judged = (self._judge(group, address, at) for group in groups if group)
        return next((found for found in judged if isinstance(found, Found)), None) or self._judge(entries, address, at)

    def _judge(self, entries: Sequence[Entry], address: Address, at: float) -> Found | Unusable:
        latest_first = sorted(entries, key=lambda entry: entry.updated, reverse=True)
        origins = {entry.certificate.fingerprint: entry.origin for entry in latest_first}
        certificates = (entry.certificate for entry in latest_first)
        judged = selection.select(certificates, lambda certificate: self.fault(certificate, address, at))
        if judged.why is None:
            judged = judged._replace(certificate=self.trimmed(judged.certificate))
        return selection.answer(judged, origins[judged.certificate.fingerprint], NAME, NAME)

    async def has_imported(self, address: Address) -> bool:
        """Whether an imported certificate decides for this address, usable or not. Raises `StoreError`."""
        for wanted in filter(None, (address, address.untagged) if self._imported else ()):
            known = await self._certificates.by_address(wanted)
            if any(entry.origin is Origin.IMPORTED and not entry.proposed for entry in known):
                return True
        return False

    def trimmed(self, certificate: Certificate) -> Certificate:
        """The same, to be encrypted to as this site wants it."""
        return certificate.without_weak_subkeys() if self._refuse_weak else certificate

    def fault(self, certificate: Certificate, address: Address | None = None, at: float | None = None) -> Why | None:
        """Why it must not be used here (for that address, at that time: now)."""
        at = self._clock() if at is None else at
        why = certificate.unusable(at, address)
        if why is None and certificate.version not in self._versions:
            return Why.UNSUPPORTED
        if why is None and self._refuse_weak and _is_weak(certificate, at):
            return Why.WEAK
        return why


def _is_weak(certificate: Certificate, at: float) -> bool:
    """Whether all that may be encrypted to is weak, or the primary key."""
    return bool(certificate.primary.weaknesses or not certificate.without_weak_subkeys().encryption_components(at))
