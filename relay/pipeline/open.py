"""Step 4 of the incoming way, for one recipient: decrypt, verify, and take body and subject from the inside.

Nothing of it is used before the engine has said that all of it is sound (`ports.Opener`). Everything here can be done
in a process of the pool. Raises `EngineError`, which is an outage and never a reason to stay closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from relay.mail import headers, incoming_shape, opened_content
from relay.mail.headers import Field, Head
from relay.mail.incoming_shape import Cleartext, Encrypted, Signed
from relay.mail.opened_content import Inside
from relay.model import Certificate
from relay.model.opened import Closed, Entitled, Opened, Reason, Signature, Validity
from relay.pipeline.ports import Opener
from relay.process.pool import Document

_UNREADABLE = Signature(None, "", 0, Validity.BAD)
"""Stands for a signature that cannot be read."""


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A mail that is encrypted, or signed, as a whole."""

    content: bytes
    signers: tuple[Certificate, ...]
    entitled: Entitled | None = None
    """None: it is only signed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a mail: its signatures and, where it was opened, its content."""

    signatures: tuple[Signature, ...]
    subject: Field | None = None
    """The one that the signatures cover, or the one of the protected header inside."""
    subject_covered: bool = False
    structural: tuple[Field, ...] = ()
    body: bytes = b""
    """Of an opened mail; what is only signed stays as it is."""

    @property
    def inside(self) -> Inside:
        """The parts of which the mail for the mailbox is made."""
        return Inside(self.structural, self.body, self.subject)

    @property
    def entity(self) -> bytes:
        """What was opened, as a MIME entity."""
        return b"".join([*(one.line for one in self.structural), b"\r\n", self.body])


OpenInPool = Callable[[OpenJob, Document], Awaitable[Finding | Reason]]
"""Does a job in a process of the pool."""


async def examined(opener: Opener, job: OpenJob) -> Finding | Reason:
    """What is in it, or why it stays closed. Of a large mail each form is released as soon as the next is there."""
    form, outer = incoming_shape.protection(job.content), headers.split(job.content)
    entitled, signers = job.entitled, job.signers
    del job
    match form:
        case Encrypted() if entitled:
            opening = opener.open(form.data, entitled, signers)
            form = replace(form, data=b"")
            return await _inside(opener, signers, await opening, form, outer)
        case Signed():
            subject = opened_content.protected_subject(headers.split(form.content))
            return Finding(await _verified(opener, form, signers), subject, subject is not None)
        case Cleartext(message=message):
            found = await opener.read_signed(message, signers)
            return Finding((_UNREADABLE,) if isinstance(found, Closed) else found.signatures)
        case _:
            return Reason.DAMAGED


async def _inside(
    opener: Opener, signers: Sequence[Certificate], opened: Opened | Closed, form: Encrypted, outer: Head
) -> Finding | Reason:
    """What is taken of an opened message."""
    if isinstance(opened, Closed):
        return opened.reason
    found, signatures = opened_content.read(opened.content, form, outer), opened.signatures
    del opened
    if isinstance(found, Reason):
        return found
    covered = bool(signatures)
    if not signatures and found.signed:
        signatures, covered = await _verified(opener, found.signed, signers), found.subject_within_signature
    return Finding(signatures, found.subject, covered and bool(found.subject), found.structural, bytes(found.body))


async def _verified(opener: Opener, form: Signed, signers: Sequence[Certificate]) -> tuple[Signature, ...]:
    """The signatures of a multipart/signed; one that is none is a bad one."""
    found = await opener.verify(form.content, form.signature, signers) if form.signature else ()
    return found or (_UNREADABLE,)
