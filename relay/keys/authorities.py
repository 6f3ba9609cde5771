"""Authorities: keys whose certification makes a certificate that a source found for their domains count as approved.

`AuthorityExaminer` reads what sources bring, before other people's signatures are taken off, and notes on each
certificate for which of its addresses an authority vouches (`Certificate.certified`). An authority vouches for its own
domains alone, while its own key, which an administrator imported, is neither revoked nor expired. Whenever the
authorities of a domain or their keys change, the certificates of its addresses are fetched and judged again
(`Authorities.state`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from relay.keys.current import KnownCertificates
from relay.keys.wrapped_examiner import WrappedExaminer
from relay.mail import packets, signature
from relay.mail.packets import SIGNATURE
from relay.model import Address, Certificate, Entry, Origin, Unreadable
from relay.model.errors import EngineError, OpenPgpError, StoreError
from relay.pipeline.ports import Examiner

MOST_CHECKED = 8
"""The most authorities that are checked for one certificate, since each check is a call of gpg."""


@dataclass(frozen=True, slots=True)
class Authority:
    """One entry of `authorities`: a key, and the domains whose keys it may certify."""

    fingerprint: str
    domains: frozenset[str]


class Authorities:
    """The authorities of the configuration, and the current state of their keys."""

    def __init__(
        self, several: Sequence[Authority], certificates: KnownCertificates, clock: Callable[[], float] = time.time
    ) -> None:
        self.several = several
        self._certificates = certificates
        self._clock = clock

    async def state(self, domain: str) -> str:
        """A text that changes whenever the authorities of a domain or their keys change; empty: there are none.

        Raises `StoreError`.
        """
        mine = [authority for authority in self.several if domain in authority.domains]
        standing = [entry for authority in mine if (entry := await self.standing(authority))]
        data = b"".join(sorted(entry.certificate.data for entry in standing))
        return hashlib.sha256(data).hexdigest() if standing else ""

    async def standing(self, authority: Authority) -> Entry | None:
        """Its certificate, if its certifications count now; else None. Raises `StoreError`."""
        entry = await self._certificates.by_fingerprint(authority.fingerprint)
        if entry is None or entry.origin is not Origin.IMPORTED or entry.proposed:
            return None
        primary, at = entry.certificate.primary, self._clock()
        stands = primary.valid and not primary.revoked and primary.created <= at and not primary.expired(at)
        return entry if stands and not entry.certificate.disabled else None


class AuthorityExaminer(WrappedExaminer):
    """`relay.pipeline.ports.Examiner`, which also knows who vouches for what it read."""

    def __init__(self, examiner: Examiner, authorities: Authorities) -> None:
        super().__init__(examiner)
        self._authorities = authorities

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """The verdicts, with what is vouched for."""
        verdicts = await self._examiner.examine(blobs)
        return [await self._noted(blob, verdict) for blob, verdict in zip(blobs, verdicts, strict=True)]

    async def _noted(self, blob: bytes, verdict: Certificate | Unreadable) -> Certificate | Unreadable:
        if isinstance(verdict, Unreadable):
            return verdict
        found: set[Address] = set()
        for authority in list(_named(blob, verdict, self._authorities.several))[:MOST_CHECKED]:
            entry = await self._standing(authority)
            certified = await self._examiner.certified_by(blob, entry.certificate.data) if entry else frozenset()
            found |= {address for address in certified if address.domain in authority.domains}
        return replace(verdict, certified=frozenset(found)) if found else verdict

    async def _standing(self, authority: Authority) -> Entry | None:
        try:
            return await self._authorities.standing(authority)
        except StoreError as error:
            raise EngineError("an authority's key cannot be read from the store") from error


def _named(blob: bytes, verdict: Certificate, authorities: Sequence[Authority]) -> Iterator[Authority]:
    """The authorities by which it claims to be certified, and which may certify one of its addresses."""
    domains = {address.domain for address in verdict.addresses}
    possible = [authority for authority in authorities if not authority.domains.isdisjoint(domains)]
    try:
        bodies = [packets.body(blob, packet) for packet in packets.walk(blob) if packet.tag == SIGNATURE]
    except OpenPgpError:
        return
    issuers = [read for body in bodies if possible and (read := signature.read(body))]
    for authority in possible:
        if any(one.by(authority.fingerprint) for one in issuers):
            yield authority
