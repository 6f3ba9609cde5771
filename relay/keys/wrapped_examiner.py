"""What examiners have in common that stand before another one and change some of its answers."""

from __future__ import annotations

from collections.abc import Sequence

from relay.model import Address, Certificate, Unreadable
from relay.pipeline.ports import Examiner


class WrappedExaminer:
    """`relay.pipeline.ports.Examiner`: answers as `examiner` does. Subclasses say what they add."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner

    async def examine(self, blobs: Sequence[bytes]) -> list[Certificate | Unreadable]:
        """As the port says."""
        return await self._examiner.examine(blobs)

    async def merge(self, known: bytes, news: bytes) -> Certificate | Unreadable:
        """As the port says."""
        return await self._examiner.merge(known, news)

    async def certified_by(self, certificate: bytes, authority: bytes) -> frozenset[Address]:
        """As the port says."""
        return await self._examiner.certified_by(certificate, authority)

    async def revoked_by(self, certificate: bytes, revoker: bytes) -> bool:
        """As the port says."""
        return await self._examiner.revoked_by(certificate, revoker)
