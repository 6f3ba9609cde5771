"""Room six: make of a received message the one that leaves.

Promises that what it returns for a parcel with certificates is an encrypted mail for exactly these: it is
walked once more after it was made (`pgpmime.verify`). Raises `EngineError` and `NotEncrypted`; both mean that
nothing may leave.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from relay.mail import headers, pgpmime
from relay.mail.hidden_recipients import passed_on
from relay.mail.payload import payload
from relay.model import Address, Inbound
from relay.pipeline.grouping import Parcel
from relay.pipeline.ports import Engine
from relay.process.pool import LARGE, aside

OCTETS_A_KEY = 8192
"""A recipient costs an engine as much as so many octets of text."""

Signers = Callable[[Address | None], str | None]
"""The fingerprint of the secret key that signs for a sender; None: unsigned."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an encrypted mail is made of."""

    content: bytes
    parcel: Parcel
    received: bytes
    signer: str | None

    @property
    def weight(self) -> int:
        """What it costs, as octets."""
        return len(self.content) + len(self.parcel.certificates) * OCTETS_A_KEY


Beside = Callable[[Order], Awaitable[bytes]]
"""Has an order carried out in another process."""


@dataclass(frozen=True, slots=True)
class Protector:
    """Turns parcels into messages."""

    engine: Engine
    signers: Signers
    hostname: str
    beside: Beside | None = None
    """For large orders; None: they are carried out here."""

    def signer(self, inbound: Inbound, parcel: Parcel) -> str | None:
        """Who signs this parcel."""
        return self.signers(inbound.envelope.sender) if parcel.encrypted and parcel.sign else None

    async def make(self, inbound: Inbound, parcel: Parcel) -> bytes:
        """The message for this parcel: encrypted and checked, or as received with our Received line."""
        received = headers.received_field(inbound, self.hostname)
        if not parcel.encrypted:
            return await aside(len(inbound.content), passed_on, inbound.content, received, parcel.hidden)
        order = Order(inbound.content, parcel, received, self.signer(inbound, parcel))
        if self.beside and order.weight >= LARGE:
            return await self.beside(order)
        return await encrypted(self.engine, order)


async def encrypted(engine: Engine, order: Order) -> bytes:
    """The encrypted mail. Each form that a large one goes through is let go as soon as the next is there."""
    parcel, received, signer = order.parcel, order.received, order.signer
    head = headers.split(order.content)
    clear = payload(order.content, parcel.hidden, protect_subject=parcel.protect_subject)
    del order
    ciphertext = await engine.encrypt(clear, parcel.certificates, signer)
    del clear
    message = pgpmime.encrypted(
        head, ciphertext, parcel.hidden, received=received, protect_subject=parcel.protect_subject
    )
    del ciphertext
    now = time.time()
    meant = [[c.key_id for c in certificate.encryption_components(now)] for certificate in parcel.certificates]
    pgpmime.verify(message, meant, parcel.hidden, protect_subject=parcel.protect_subject)
    return message
