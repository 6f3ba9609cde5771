"""Step 6, for one message: make of the received mail the one that leaves.

Promises that what it returns for a group with certificates is an encrypted mail for exactly these, and for one that is
signed in clear a mail whose signature is over what a reader finds in it: both are read once more after they were made
(`pgpmime.verify`, `clear_signed.verify`). Raises `EngineError`, `NotEncrypted` and `NotSigned`; all mean that nothing
may leave.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from relay.mail import clear_signed, headers, pgpmime, transit_safe
from relay.mail.headers import Head
from relay.mail.hidden_recipients import passed_on
from relay.mail.our_received_field import received_field
from relay.mail.payload import payload
from relay.model import Envelope, Inbound, Signer
from relay.pipeline.grouping import Group
from relay.pipeline.ports import Engine
from relay.process.pool import LARGE, Document

OCTETS_A_KEY = 8192
"""The octets of text that cost an engine as much as one recipient."""


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves for a group of recipients."""

    group: Group
    content: bytes
    signer: str = ""
    """The fingerprint of the key that signed it."""
    envelope: Envelope | None = None
    """Its own envelope, if that is not the received one; the recipients are the group's in any case."""


@dataclass(frozen=True, slots=True)
class ProtectionJob:
    """What a mail that is encrypted, signed or both is made of."""

    content: bytes
    group: Group
    received: bytes

    @property
    def cost(self) -> int:
        """Its cost, expressed in octets."""
        return len(self.content) + len(self.group.certificates) * OCTETS_A_KEY


Protected = tuple[bytes, str]
"""A mail, and the fingerprint of the key that signed it, or nothing."""
ProtectInPool = Callable[[ProtectionJob, Document], Awaitable[Protected]]
"""Does a job in a process of the pool."""


@dataclass(frozen=True, slots=True)
class Encryptor:
    """Makes the message for each group of recipients: encrypted, signed or as received."""

    engine: Engine
    hostname: str
    in_pool: ProtectInPool | None = None
    """For large jobs; None: they are done here."""

    async def make(self, inbound: Inbound, group: Group, document: Document) -> Message:
        """The message for this group: encrypted or signed, and checked, or as received with our Received line."""
        received = received_field(inbound, self.hostname)
        if not group.encrypted and not group.signer:
            return Message(group, await document.run(unprotected, inbound.content, group, received))
        job = ProtectionJob(inbound.content, group, received)
        if self.in_pool and job.cost >= LARGE:
            return Message(group, *await self.in_pool(job, document))
        return Message(group, *await protected(self.engine, job))


def unprotected(content: bytes, group: Group, received: bytes) -> bytes:
    """The mail as it came, with our Received line."""
    return passed_on(content, received, group.hidden, group.announcement.among if group.announcement else None)


def protected(engine: Engine, job: ProtectionJob) -> Coroutine[Any, Any, Protected]:
    """The encrypted mail, or the one that is signed in clear. Only the coroutine holds the job."""
    if not job.group.encrypted and job.group.signer:
        return _signed(engine, job, job.group.signer)
    return _encrypted(engine, job)


async def _encrypted(engine: Engine, job: ProtectionJob) -> Protected:
    """The encrypted mail. Each form that a large one goes through is released as soon as the next is there."""
    group, received = job.group, job.received
    cut = headers.split(job.content)
    head = _announcing(cut, group)
    clear = payload(job.content, group.hidden, protect_subject=group.protect_subject, head=cut)
    del job
    ciphertext = await engine.encrypt(clear, group.certificates, group.signer)
    del clear
    message = pgpmime.encrypted(
        head, ciphertext, group.hidden, received=received, protect_subject=group.protect_subject
    )
    del ciphertext
    now = time.time()
    meant = [[c.key_id for c in certificate.encryption_components(now)] for certificate in group.certificates]
    seipd2 = all(certificate.takes_seipd2 for certificate in group.certificates)
    pgpmime.verify(message, meant, group.hidden, protect_subject=group.protect_subject, seipd2=seipd2)
    return message, group.signer.fingerprint if group.signer else ""


async def _signed(engine: Engine, job: ProtectionJob, signer: Signer) -> Protected:
    """The mail with a signature; as it came if it cannot be given a form that reaches its reader unchanged."""
    head = headers.split(job.content)
    entity = transit_safe.settled(job.content, head)
    if entity is None:
        return unprotected(job.content, job.group, job.received), ""
    signature = await engine.sign(entity, signer)
    fields = _announcing(head, job.group).fields
    message = clear_signed.signed(job.group.hidden.visible(fields), entity, signature, received=job.received)
    clear_signed.verify(message, entity, signature)
    return message, signer.fingerprint


def _announcing(head: Head, group: Group) -> Head:
    return replace(head, fields=group.announcement.among(head.fields)) if group.announcement else head
