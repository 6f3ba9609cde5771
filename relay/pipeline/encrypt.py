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
from relay.pipeline.grouping import Group
from relay.pipeline.ports import Engine
from relay.process import pool
from relay.process.pool import LARGE

OCTETS_A_KEY = 8192
"""A recipient costs an engine as much as so many octets of text."""

Signers = Callable[[Address | None], str | None]
"""The fingerprint of the secret key that signs for a sender; None: unsigned."""


@dataclass(frozen=True, slots=True)
class EncryptionJob:
    """What an encrypted mail is made of."""

    content: bytes
    group: Group
    received: bytes
    signer: str | None

    @property
    def cost(self) -> int:
        """What it costs, as octets."""
        return len(self.content) + len(self.group.certificates) * OCTETS_A_KEY


EncryptInPool = Callable[[EncryptionJob], Awaitable[bytes]]
"""Has an order carried out in another process."""


@dataclass(frozen=True, slots=True)
class Encryptor:
    """Turns parcels into messages."""

    engine: Engine
    signers: Signers
    hostname: str
    in_pool: EncryptInPool | None = None
    """For large orders; None: they are carried out here."""
    leaves_off: Callable[[Address | None], bool] = lambda _sender: False
    """Whether a mail of this sender that leaves long after its Date loses a signature."""

    def signer(self, inbound: Inbound, group: Group) -> str | None:
        """Who signs this parcel."""
        return self.signers(inbound.envelope.sender) if group.encrypted and group.sign else None

    async def make(self, inbound: Inbound, group: Group) -> bytes:
        """The message for this parcel: encrypted and checked, or as received with our Received line."""
        received = headers.received_field(inbound, self.hostname)
        if not group.encrypted:
            return await pool.run(len(inbound.content), passed_on, inbound.content, received, group.hidden)
        job = EncryptionJob(inbound.content, group, received, self.signer(inbound, group))
        if self.in_pool and job.cost >= LARGE:
            return await self.in_pool(job)
        return await encrypted(self.engine, job)


async def encrypted(engine: Engine, job: EncryptionJob) -> bytes:
    """The encrypted mail. Each form that a large one goes through is let go as soon as the next is there."""
    group, received, signer = job.group, job.received, job.signer
    head = headers.split(job.content)
    clear = payload(job.content, group.hidden, protect_subject=group.protect_subject)
    del job
    ciphertext = await engine.encrypt(clear, group.certificates, signer)
    del clear
    message = pgpmime.encrypted(
        head, ciphertext, group.hidden, received=received, protect_subject=group.protect_subject
    )
    del ciphertext
    now = time.time()
    meant = [[c.key_id for c in certificate.encryption_components(now)] for certificate in group.certificates]
    pgpmime.verify(message, meant, group.hidden, protect_subject=group.protect_subject)
    return message
