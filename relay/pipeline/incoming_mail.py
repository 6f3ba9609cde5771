"""Step 5 of the incoming way: the mail that leaves, with its mark. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from relay.mail import headers, inside, subject_tags
from relay.mail.headers import Field
from relay.model import Inbound
from relay.model.incoming import Incoming
from relay.model.mark import Encryption, Mark, Signed
from relay.pipeline.letter import Letter
from relay.pipeline.open import Finding


@dataclass(frozen=True, slots=True)
class Tags:
    """What stands in front of subjects; empty: nothing."""

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
    """What becomes of a mail for one recipient."""

    decision: Incoming
    finding: Finding | None = None
    """Of an opened one; None: it stays as it came."""

    @property
    def mark(self) -> Mark:
        """Its mark."""
        return self.decision.mark


@dataclass(frozen=True, slots=True)
class MailMaker:
    """Makes what leaves."""

    hostname: str
    tags: Tags

    def make(self, inbound: Inbound, letter: Letter, treated: Treated) -> bytes:
        """The mail with its mark and our Received field in front."""
        front = treated.mark.field + headers.received_field(inbound, self.hostname)
        if treated.finding:
            good = treated.mark.signature is Signed.GOOD
            fields = inside.opened_fields(letter.fields, treated.finding.inside, answers=good)
            return front + _joined(self._tagged(fields, treated.mark), b"\r\n", treated.finding.body)
        fields = self._tagged(letter.fields, treated.mark)
        if fields == letter.head.fields:
            return front + _separated(inbound.content)
        body = memoryview(inbound.content)[letter.head.body_start :]
        return front + _separated(_joined(fields, letter.head.separator, body))

    def _tagged(self, fields: tuple[Field, ...], mark: Mark) -> tuple[Field, ...]:
        if not self.tags.all:
            return fields
        return subject_tags.retagged(fields, self.tags.all, self.tags.of(mark))


def _separated(content: bytes) -> bytes:
    """A first line that begins with white space is the body, and no more of the field in front of it."""
    return b"\r\n" + content if content.startswith((b" ", b"\t")) else content


def _joined(fields: Iterable[Field], separator: bytes, body: bytes | memoryview) -> bytes:
    return b"".join([*(one.line for one in fields), separator, body])
