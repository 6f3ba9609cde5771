"""What happens to certificates that a source brought: merged, stored, proposed, or left alone.

- A fingerprint the store has is merged with the stored state, whoever read it: a revocation found anywhere counts at
  once, and so does a renewal. `relay.keys.learning_examiner` does this for everything that a source has examined.
- A source counts for the address it was asked for: it adds no other address to a stored certificate, and not this one
  either if an administrator imported another certificate for it.
- A key whose owner proved to have its encryption subkey (`enrolled`) gets another one by a new proof or from the
  address's own directory, and not from whoever publishes the same key elsewhere.
- A certificate the store does not have is stored with its origin, usable or not, and counts from then on. A usable one
  replaces what the same source brought for this address alone before.
- Where an administrator imported one for the address, no other is used without being approved: while the imported one
  is usable another is not stored, and once it is not, another usable one is stored as proposed. What a person approved
  stays approved. Where the keyring is not among the sources, imported certificates do not count here.

Raises `StoreError`, and `EngineError` where two states cannot be merged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from weakref import WeakValueDictionary

from relay.keys import precedence
from relay.keys.certificate_changes import CertificateChanges
from relay.keys.narrowing import bounded, unreduced
from relay.mail.certificate_parts import without_subkeys
from relay.mail.user_id_filter import narrowed
from relay.model import Address, Certificate, Entry, Origin, Unreadable
from relay.model.errors import EngineError, StoreError
from relay.pipeline.ports import Examiner
from relay.store import Certificates
from relay.telemetry import events
from relay.telemetry.events import Event

ATTEMPTS = 5
_DIRECTORIES = frozenset({Origin.LDAP, Origin.WKD})
"""Origins where the domain itself publishes the keys of its addresses."""
CONTENDED = "another process is changing this key"


Narrow = Callable[[bytes, Collection[Address]], bytes]
"""A certificate with the user ids of these addresses alone."""


class MergePolicy:
    """Stores fetched certificates by the rules above."""

    def __init__(
        self,
        certificates: Certificates,
        examiner: Examiner,
        clock: Callable[[], float] = time.time,
        narrow: Narrow = narrowed,
        *,
        imported_first: bool = True,
    ) -> None:
        self._imported_first = imported_first
        self._certificates = certificates
        self._examiner = examiner
        self._clock = clock
        self._narrow = narrow
        self._changes = CertificateChanges(certificates)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def keep(self, certificate: Certificate, origin: Origin, address: Address) -> None:
        """Store this certificate, which a source found for the address, as far as the rules allow."""
        async with self._turn(certificate):
            for _ in range(ATTEMPTS):
                joins = () if await self._stands_before(certificate, address) else (address,)
                speaks = origin in _DIRECTORIES
                merged = await self._merged(certificate, joins, subkeys=speaks)
                if merged and await self._kept(certificate, origin, address):
                    return
        raise StoreError(CONTENDED)

    async def learn(self, certificates: Sequence[Certificate]) -> None:
        """Merge each of these with the stored state, if the store has it."""
        if not certificates:
            return
        several = {certificate.fingerprint: certificate for certificate in certificates}
        async with AsyncExitStack() as turns:
            for _, certificate in sorted(several.items()):  # in one order: no deadlock
                await turns.enter_async_context(self._turn(certificate))
            known = await self._certificates.by_fingerprints(several)
            for certificate in certificates:
                if certificate.fingerprint in known:
                    await self._learn(certificate)

    async def guard(self, address: Address, certificate: Certificate) -> bool:
        """Whether an imported certificate stands before this fetched one, which then is proposed and no more.

        It was fetched before the administrator imported another. Raises `StoreError`.
        """
        fingerprint = certificate.fingerprint
        for _ in range(ATTEMPTS):
            known = (await self._certificates.by_fingerprints([fingerprint])).get(fingerprint)
            if not await self._must_wait(address, fingerprint):
                return False
            if known is None or known.origin is Origin.IMPORTED or known.proposed:
                return True
            if await self._changes.store(replace(known, proposed=True), known.version):
                _tell_proposed(known, address)
                return True
        raise StoreError(CONTENDED)

    async def _must_wait(self, address: Address, fingerprint: str) -> bool:
        """Whether another certificate was imported for this address, and nobody approved this one beside it."""
        beside = self._imported(await self._beside(address, fingerprint))
        return bool(beside) and not await self._certificates.is_approved(fingerprint)

    def _turn(self, certificate: Certificate) -> asyncio.Lock:
        """One change of a certificate at a time: its parts may arrive by several addresses at once."""
        return self._turns.setdefault(certificate.fingerprint, asyncio.Lock())

    async def _learn(self, certificate: Certificate) -> None:
        for _ in range(ATTEMPTS):
            if await self._merged(certificate):
                return
        raise StoreError(CONTENDED)

    async def _kept(self, certificate: Certificate, origin: Origin, address: Address) -> bool:
        """Done; False where another process came in between."""
        fingerprint = certificate.fingerprint
        known = (await self._certificates.by_fingerprints([fingerprint])).get(fingerprint)
        beside = await self._beside(address, fingerprint)
        news = Entry(certificate, origin, int(self._clock()))
        entry = precedence.entry_for(address, known, news, self._imported(beside), self._clock())
        if entry is None:
            return True
        if entry != known:
            if not await self._changes.store(entry, known.version if known else None):
                return False
            if entry.proposed:
                _tell_proposed(entry, address)
        if not entry.proposed and precedence.is_usable(certificate, address, self._clock()):
            await self._replace(beside, origin, address)
        return True

    async def _stands_before(self, certificate: Certificate, address: Address) -> bool:
        """Whether an administrator imported another certificate for this address."""
        return bool(self._imported(await self._beside(address, certificate.fingerprint)))

    async def _beside(self, address: Address, fingerprint: str) -> list[Entry]:
        entries = await self._certificates.by_address(address)
        return [e for e in entries if not e.proposed and e.certificate.fingerprint != fingerprint]

    def _imported(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that stand before what sources bring."""
        return [entry for entry in entries if self._imported_first and entry.origin is Origin.IMPORTED]

    async def _replace(self, beside: Sequence[Entry], origin: Origin, address: Address) -> None:
        """Remove what the same source brought before for this address alone."""
        for entry in beside:
            if entry.origin is origin and set(entry.certificate.shown_addresses) <= {address}:
                await self._certificates.remove_fetched(entry.certificate.fingerprint, entry.version)

    async def _merged(self, news: Certificate, joins: Collection[Address] = (), *, subkeys: bool = False) -> bool:
        """Only addresses that it has already, and those in `joins`, come from the news.

        Without `subkeys`, a key whose owner proved to have its encryption subkey gets no other one.
        """
        known = (await self._certificates.by_fingerprints([news.fingerprint])).get(news.fingerprint)
        if known is None:
            return True
        before = known.certificate
        shown = {*before.shown_addresses, *joins}
        merged: Certificate | Unreadable = news
        if before.data != news.data:
            brought = self._narrow(news.data, shown)
            if known.origin is Origin.ENROLLED and not subkeys and (unproved := _new_subkeys(news, before)):
                brought = without_subkeys(brought, unproved)
            merged = await self._examiner.merge(before.data, brought)
        if isinstance(merged, Unreadable):
            raise EngineError("two states of one certificate could not be merged")
        merged = unreduced(merged, before).showing(shown).revoked_as(before)
        if _stored_part(merged) == _stored_part(before):
            return True
        merged = bounded(replace(merged, disabled=known.certificate.disabled), known.certificate, news)
        updated = known.updated if known.origin is Origin.IMPORTED else int(self._clock())  # the newest imported counts
        entry = replace(known, certificate=merged, updated=updated)
        stored = await self._changes.store(entry, known.version)
        if stored:
            events.log().info(Event.RENEWED, fingerprint=merged.fingerprint, reason=merged.unusable(self._clock()))
        return stored


def _stored_part(certificate: Certificate) -> tuple[bytes, set[Address], str]:
    """What tells whether there is anything new in a merged state."""
    return certificate.data, set(certificate.shown_addresses), certificate.fault


def _new_subkeys(news: Certificate, before: Certificate) -> frozenset[str]:
    known = {component.fingerprint for component in before.components}
    return frozenset(one.fingerprint for one in news.components if one.encrypts) - known


def _tell_proposed(entry: Entry, address: Address) -> None:
    fingerprint = entry.certificate.fingerprint
    events.log().warning(Event.PROPOSED, recipient=address.text, fingerprint=fingerprint, origin=entry.origin.value)
