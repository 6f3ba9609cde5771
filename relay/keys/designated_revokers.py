"""Verifies revocations that designated revokers made (RFC 9580 sections 5.2.1.11 and 5.2.3.23).

Such a revocation is signed by another key than the certificate's own, so it counts where that other key is known: given
together with the certificate, or stored. Until then the certificate names the revoker in `Certificate.revokers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from relay.keys.wrapped_examiner import WrappedExaminer
from relay.model import Certificate, Unreadable
from relay.pipeline.ports import Examiner
from relay.store import Certificates


class RevocationExaminer(WrappedExaminer):
    """`relay.pipeline.ports.Examiner`, in whose verdicts the revocations by known designated revokers count."""

    def __init__(self, examiner: Examiner, certificates: Certificates) -> None:
        super().__init__(examiner)
        self._certificates = certificates

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """As the examiner says, or revoked."""
        verdicts = await self._examiner.examine(blobs)
        given = {verdict.fingerprint: verdict.data for verdict in verdicts if isinstance(verdict, Certificate)}
        return [await self._verified(verdict, given) for verdict in verdicts]

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        """As the examiner says, or revoked."""
        return await self._verified(await self._examiner.merge(known, news), {})

    async def _verified(
        self, verdict: Certificate | Unreadable, given: Mapping[str, bytes]
    ) -> Certificate | Unreadable:
        if isinstance(verdict, Unreadable) or verdict.primary.revoked or not verdict.revokers:
            return verdict
        stored = await self._certificates.by_fingerprints(verdict.revokers)
        keys = {**{fingerprint: entry.certificate.data for fingerprint, entry in stored.items()}, **given}
        for revoker in filter(None, map(keys.get, verdict.revokers)):
            if await self._examiner.revoked_by(verdict.data, revoker):
                primary = replace(verdict.primary, revoked=True)
                return replace(verdict, components=(primary, *verdict.components[1:]))
        return verdict
