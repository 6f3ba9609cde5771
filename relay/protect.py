"""Room six: make of a received message the one that leaves.

Promises that what it returns for a parcel with certificates is a sealed mail for exactly these: it is
walked once more after it was made (`pgpmime.verify`). Raises `EngineError` and `NotSealed`; both mean that
nothing may leave.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from relay.aside import aside
from relay.mail import headers, pgpmime
from relay.model import Address, Inbound
from relay.parcels import Parcel
from relay.ports import Engine

Signers = Callable[[Address | None], str | None]
"""The fingerprint of the secret key that signs for a sender; None: unsigned."""


@dataclass(frozen=True, slots=True)
class Protector:
    """Turns parcels into messages."""

    engine: Engine
    signers: Signers
    hostname: str

    def signer(self, inbound: Inbound, parcel: Parcel) -> str | None:
        """Who signs this parcel."""
        return self.signers(inbound.envelope.sender) if parcel.sealed and parcel.sign else None

    async def make(self, inbound: Inbound, parcel: Parcel) -> bytes:
        """The message for this parcel: sealed and checked, or as received with our Received line."""
        received = headers.received_field(inbound, self.hostname)
        if not parcel.sealed:
            return await aside(len(inbound.content), headers.passed_on, inbound.content, received)
        protect, size = parcel.protect_subject, len(inbound.content)
        payload = await aside(size, pgpmime.payload, inbound.content, protect_subject=protect)
        ciphertext = await self.engine.seal(payload, parcel.certificates, self.signer(inbound, parcel))
        del payload
        return await aside(size, _checked, inbound.content, ciphertext, received, parcel)


def _checked(content: bytes, ciphertext: bytes, received: bytes, parcel: Parcel) -> bytes:
    protect = parcel.protect_subject
    message = pgpmime.sealed(content, ciphertext, received=received, protect_subject=protect)
    now = time.time()
    meant = [[c.key_id for c in certificate.encryption_components(now)] for certificate in parcel.certificates]
    pgpmime.verify(message, meant, protect_subject=protect)
    return message
