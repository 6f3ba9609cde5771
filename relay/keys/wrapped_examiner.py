"""The common part of examiners that wrap another one and change some of its answers."""

from __future__ import annotations

from collections.abc import Sequence

from relay.model import Address, Certificate, Unreadable
from relay.pipeline.ports import Examiner


class WrappedExaminer:
    """Implements `relay.pipeline.ports.Examiner` by calling `examiner`. Subclasses change single methods."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """Have the examiner within judge them; see `relay.pipeline.ports.Examiner`."""
        return await self._examiner.examine(blobs)

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        """Have the examiner within merge them; see `relay.pipeline.ports.Examiner`."""
        return await self._examiner.merge(known, news)

    async def certified_by(self, certificate: bytes, authority: bytes) -> frozenset[Address]:
        """Ask the examiner within for the certified addresses; see `relay.pipeline.ports.Examiner`."""
        return await self._examiner.certified_by(certificate, authority)

    async def revoked_by(self, certificate: bytes, revoker: bytes) -> bool:
        """Ask the examiner within about a designated revoker; see `relay.pipeline.ports.Examiner`."""
        return await self._examiner.revoked_by(certificate, revoker)
