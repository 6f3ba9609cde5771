"""Step 5 of the incoming way: the mail that leaves, with its mark. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from relay.mail import opened_content, subject_tags
from relay.mail.headers import Field
from relay.mail.our_received_field import received_field
from relay.mail.wrapped import Notes, wrapped
from relay.model import Inbound
from relay.model.incoming import Incoming
from relay.model.mark import Encryption, Mark, Signed
from relay.model.opened import Reason
from relay.pipeline.letter import Letter
from relay.pipeline.open import Finding


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags in front of subjects; empty: none."""

    decrypted: str = ""
    signed: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """Those that are set."""
        return tuple(tag for tag in (self.decrypted, self.signed) if tag)

    def of(self, mark: Mark) -> tuple[str, ...]:
        """Those of this mail."""
        due = ((self.decrypted, mark.encryption is Encryption.DECRYPTED), (self.signed, mark.signature is Signed.GOOD))
        return tuple(tag for tag, is_due in due if tag and is_due)


@dataclass(frozen=True, slots=True)
class Treated:
    """What happens to a mail for one recipient."""

    decision: Incoming
    finding: Finding | None = None
    """Of an opened one; None: it stays as it came."""

    @property
    def mark(self) -> Mark:
        """What the relay notes in the mail about its encryption and signature."""
        return self.decision.mark


@dataclass(frozen=True, slots=True)
class MailMaker:
    """Makes the mail that leaves, for one recipient."""

    hostname: str
    tags: Tags
    notes: Notes
    wrap_bad: bool = False
    """A mail with a bad signature goes inside a warning."""
    explain_closed: bool = False
    """A mail that stays closed goes inside a note."""

    def make(self, inbound: Inbound, letter: Letter, treated: Treated) -> bytes:
        """The mail with its mark and our Received field in front."""
        front = treated.mark.field + received_field(inbound, self.hostname)
        if treated.finding is None and letter.unchanged and not (self.tags.all or self._note(treated.mark)):
            return front + _separated(inbound.content)
        fields, separator, body = _opened(letter, treated) or (
            letter.fields,
            letter.head.separator,
            memoryview(inbound.content)[letter.head.body_start :],
        )
        if note := self._note(treated.mark):
            fields, body = wrapped(fields, note, _joined(fields, separator, body))
            separator = b"\r\n"
        if self.tags.all:
            fields = subject_tags.retagged(fields, self.tags.all, self.tags.of(treated.mark))
        return front + _separated(_joined(fields, separator, body))

    def _note(self, mark: Mark) -> str:
        """What its reader is told in front of it; empty: nothing."""
        if self.explain_closed and mark.encryption is Encryption.CLOSED and mark.reason:
            return self.notes.closed(mark.reason)
        return self.notes.bad_signature() if self.wrap_bad and mark.signature is Signed.BAD else ""


def _opened(letter: Letter, treated: Treated) -> tuple[tuple[Field, ...], bytes, bytes | memoryview] | None:
    if treated.finding is None:
        return None
    answers = treated.mark.signature is Signed.GOOD or treated.mark.reason is Reason.PICKUP  # our own Reply-To
    return (
        opened_content.opened_fields(letter.fields, treated.finding.inside, answers=answers),
        b"\r\n",
        treated.finding.body,
    )


def _separated(content: bytes) -> bytes:
    """An empty line in front of a body whose first line would continue the field above it."""
    return b"\r\n" + content if content.startswith((b" ", b"\t")) else content


def _joined(fields: Iterable[Field], separator: bytes, body: bytes | memoryview) -> bytes:
    return b"".join([*(one.line for one in fields), separator, body])
