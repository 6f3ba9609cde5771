"""Step 6, for one message: make of the received mail the one that leaves.

Promises that what it returns for a group with certificates is an encrypted mail for exactly these: it is read once more
after it was made (`pgpmime.verify`). Raises `EngineError` and `NotEncrypted`; both mean that nothing may leave.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from relay.mail import headers, pgpmime
from relay.mail.hidden_recipients import passed_on
from relay.mail.payload import payload
from relay.model import Address, Envelope, Inbound
from relay.pipeline.grouping import Group
from relay.pipeline.ports import Engine
from relay.process.pool import LARGE, Document

OCTETS_A_KEY = 8192
"""A recipient costs an engine as much as so many octets of text."""

Signers = Callable[[Address | None], str | None]
"""The fingerprint of the secret key that signs for a sender; None: unsigned."""


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves for a group of recipients."""

    group: Group
    content: bytes
    signer: str = ""
    """The fingerprint of the key that signed it."""
    envelope: Envelope | None = None
    """Its own, where it is not the received one; its recipients are the group's all the same."""


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


EncryptInPool = Callable[[EncryptionJob, Document], Awaitable[bytes]]
"""Does a job in a process of the pool."""


@dataclass(frozen=True, slots=True)
class Encryptor:
    """Makes messages."""

    engine: Engine
    signers: Signers
    hostname: str
    in_pool: EncryptInPool | None = None
    """For large jobs; None: they are done here."""

    async def make(self, inbound: Inbound, group: Group, document: Document) -> Message:
        """The message for this group: encrypted and checked, or as received with our Received line."""
        received = headers.received_field(inbound, self.hostname)
        if not group.encrypted:
            return Message(group, await document.run(passed_on, inbound.content, received, group.hidden))
        signer = self.signers(inbound.envelope.sender) if group.sign else None
        job = EncryptionJob(inbound.content, group, received, signer)
        if self.in_pool and job.cost >= LARGE:
            content = await self.in_pool(job, document)
        else:
            content = await encrypted(self.engine, job)
        return Message(group, content, signer or "")


async def encrypted(engine: Engine, job: EncryptionJob) -> bytes:
    """The encrypted mail. Each form that a large one goes through is released as soon as the next is there."""
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
    seipd2 = all(certificate.takes_seipd2 for certificate in group.certificates)
    pgpmime.verify(message, meant, group.hidden, protect_subject=group.protect_subject, seipd2=seipd2)
    return message
