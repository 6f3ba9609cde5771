"""For examiners of tests where no certificate has anything to say about another one."""

from __future__ import annotations

from relay.model.address import Address


class NoOthers:
    """The part of `relay.pipeline.ports.Examiner` that reads what other keys' owners signed."""

    async def certified_by(self, certificate: bytes, authority: bytes) -> frozenset[Address]:
        raise NotImplementedError

    async def revoked_by(self, certificate: bytes, revoker: bytes) -> bool:
        raise NotImplementedError
