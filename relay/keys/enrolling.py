"""Keys that correspondents send in: which need a proof, and what happens to one that was proved.

A new key, or a known one with another encryption subkey, needs a proof. Otherwise an attacker could put somebody else's
encryption subkey under their own primary key. One encryption subkey is proved at a time, the newest, and others that
stand beside it are not taken. A later end or a revocation of a known key needs no proof. Where an administrator
imported another key for the address, a proved one is proposed. Raises `StoreError` and `EngineError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from relay.keys import narrowing
from relay.keys.merge_policy import ATTEMPTS, CONTENDED, MergePolicy
from relay.mail import packets
from relay.mail.certificate_parts import without_subkeys
from relay.model import Address, Certificate, Entry, Origin
from relay.model.enrolment import Fate
from relay.model.errors import OpenPgpError, StoreError
from relay.model.key_change import ENROLMENT
from relay.pipeline.ports import Examiner
from relay.store import Certificates

UNPROVED = frozenset({Origin.VKS, Origin.HARVESTED})
"""Origins of keys whose encryption subkey nobody has vouched for: if they are sent in, they count as new keys."""
MOST_PACKETS = 2_000


class Enrolling:
    """`judge`, then `enrol` what was proved."""

    def __init__(
        self,
        certificates: Certificates,
        examiner: Examiner,
        merge_policy: MergePolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._certificates = certificates
        self._examiner = examiner
        self._merge_policy = merge_policy
        self._clock = clock

    async def judge(self, octets: bytes, address: Address) -> Certificate | Fate:
        """The certificate that needs a proof, cut down to the address and one subkey; or what happens to it at once."""
        whole = await self.read(octets)
        if whole is None:
            return Fate.UNUSABLE
        if await self._certificates.is_rejected(whole.fingerprint):
            return Fate.REJECTED
        proved = await self._proved(whole, address)
        (cut,) = await narrowing.narrow([whole], address, self._examiner)
        if not isinstance(cut, Certificate):
            return Fate.UNUSABLE if proved is None else Fate.RENEWED
        subkey = None if whole.primary.revoked else self._to_prove(cut, proved or frozenset())
        if subkey is None:
            return Fate.UNUSABLE if proved is None else Fate.RENEWED
        alone = await self._without(cut, _encrypting(cut) - {subkey})
        return alone if alone and alone.unusable(self._clock(), address) is None else Fate.UNUSABLE

    async def enrol(self, octets: bytes, address: Address) -> Fate:
        """Store the certificate, in place of an earlier one: its owner has the mailbox and the secret key."""
        whole = await self.read(octets)
        if whole is None or await self._certificates.is_rejected(whole.fingerprint):
            return Fate.UNUSABLE
        (cut,) = await narrowing.narrow([whole], address, self._examiner)
        if not isinstance(cut, Certificate) or cut.unusable(self._clock(), address):
            return Fate.UNUSABLE
        for _ in range(ATTEMPTS):
            beside = [entry for entry in await self._certificates.by_address(address) if not entry.proposed]
            known = await self._certificates.by_fingerprint(cut.fingerprint)
            entry = await self._entry(known, cut, address, beside)
            versions = {cut.fingerprint: known.version if known else None}
            if not await self._certificates.upsert([entry], versions, actor=ENROLMENT):
                await self._replace(entry, beside, address)
                return Fate.PROPOSED if entry.proposed else Fate.ENROLLED
        raise StoreError(CONTENDED)

    async def read(self, octets: bytes) -> Certificate | None:
        """The one certificate in it; None: there is none, or there are several."""
        try:
            if len(list(packets.certificates(octets, MOST_PACKETS))) != 1:
                return None
        except OpenPgpError:
            return None
        (read,) = await self._examiner.examine([octets])
        return read if isinstance(read, Certificate) else None

    async def _proved(self, whole: Certificate, address: Address) -> frozenset[str] | None:
        """The components already used for this address; None: the key is not known for it.

        Other changes of a known key count at once: a revocation, a later expiry.
        """
        known = await self._certificates.by_fingerprint(whole.fingerprint)
        if known is None or (known.proposed and not whole.primary.revoked):
            return None
        proved = _encrypting(known.certificate)
        if news := await self._without(whole, _encrypting(whole) - proved):
            await self._merge_policy.learn([news])
        if known.origin in UNPROVED and not whole.primary.revoked:
            return None
        return proved if whole.primary.revoked or address in known.certificate.addresses else None

    def _to_prove(self, cut: Certificate, proved: frozenset[str]) -> str | None:
        """The component that a challenge is encrypted to; no other one is used.

        Somebody else's subkey may stand beside it, whose owner could read the challenge.
        """
        usable = cut.encryption_components(self._clock())
        new = [component for component in usable if component.fingerprint not in proved]
        if cut.primary in new:  # it cannot be left out
            return cut.fingerprint
        return max(new, key=lambda component: component.created).fingerprint if new else None

    async def _without(self, certificate: Certificate, subkeys: frozenset[str]) -> Certificate | None:
        """The certificate without these subkeys, never judged more mildly."""
        subkeys -= {certificate.fingerprint}
        if not subkeys:
            return certificate
        (cut,) = await self._examiner.examine([without_subkeys(certificate.data, subkeys)])
        judged = narrowing.strictest(certificate, cut)
        return judged if isinstance(judged, Certificate) else None

    async def _entry(self, known: Entry | None, cut: Certificate, address: Address, beside: list[Entry]) -> Entry:
        now = int(self._clock())
        if known is None:
            others = any(entry.origin is Origin.IMPORTED for entry in beside)
            return Entry(cut.showing((address,)), Origin.ENROLLED, now, proposed=others)
        before: Certificate | None = known.certificate
        if known.origin in UNPROVED or known.suggested:
            before = await self._without(known.certificate, _encrypting(known.certificate) - _encrypting(cut))
        merged = await self._examiner.merge(before.data if before else cut.data, cut.data)
        if not isinstance(merged, Certificate):
            raise StoreError("two states of one key could not be merged")
        shown = (*(() if known.suggested else known.certificate.shown_addresses), address)
        merged = merged.showing(shown).revoked_as(known.certificate)
        if known.origin is Origin.IMPORTED and not known.proposed:
            return replace(known, certificate=merged)
        imported = any(
            entry.origin is Origin.IMPORTED for entry in beside if entry.certificate.fingerprint != cut.fingerprint
        )
        return replace(known, certificate=merged, origin=Origin.ENROLLED, updated=now, proposed=imported)

    async def _replace(self, entry: Entry, beside: list[Entry], address: Address) -> None:
        """Remove certificates that were enrolled before for this address alone."""
        for other in beside:
            same = other.certificate.fingerprint == entry.certificate.fingerprint
            alone = set(other.certificate.shown_addresses) <= {address}
            if other.origin is Origin.ENROLLED and alone and not same and not entry.proposed:
                fingerprint = other.certificate.fingerprint
                await self._certificates.remove_fetched(fingerprint, other.version, actor=ENROLMENT)


def _encrypting(certificate: Certificate) -> frozenset[str]:
    return frozenset(component.fingerprint for component in certificate.components if component.encrypts)
