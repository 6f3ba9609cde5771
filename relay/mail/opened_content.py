"""Takes body and subject from the inside of an opened mail, and makes the mail that is delivered.

Taken are the body with its `Content-*` fields, and `Subject` where the header inside is a protected one (RFC 9788; the
older `protected-headers="v1"`). Nothing else, because anyone who encrypts a mail can write anything into it. The rest
of the header is the outer one's. Line ends become CRLF. Raises nothing.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable
from dataclasses import dataclass

from relay.mail import content_type, headers, incoming_shape, line_ends, mime, subject_tags
from relay.mail.author import differs
from relay.mail.headers import Field, Head
from relay.mail.incoming_shape import Encrypted, Signed
from relay.mail.outer_headers import MIME_VERSION
from relay.mail.payload import is_structural
from relay.model.opened import Reason

MAX_LINE = 998
"""Octets of a line (RFC 5322 section 2.1.1)."""
ANSWERS = frozenset(
    {
        *("reply-to", "mail-reply-to", "mail-followup-to", "followup-to", "resent-reply-to"),
        *("disposition-notification-to", "disposition-notification-options", "return-receipt-to"),
        *("return-receipt-requested", "read-receipt-to", "x-confirm-reading-to", "x-pmrqc", "generate-delivery-report"),
    }
)
"""Where an answer or a receipt goes: whoever changed them on the way would be sent what was opened."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_TOKEN = re.compile(rb"[A-Za-z0-9._:-]{1,40}")
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"
_PROTECTED = frozenset({b"cipher", b"clear"})


@dataclass(frozen=True, slots=True)
class Inside:
    """What is taken from one opened mail."""

    structural: tuple[Field, ...]
    """Its Content fields."""
    body: bytes | memoryview
    subject: Field | None = None
    """Of its protected header."""
    subject_within_signature: bool = False
    """A detached signature inside (RFC 3156 section 6.1) covers the subject."""
    signed: Signed | None = None
    """What such a signature is over."""


def read(opened: bytes, form: Encrypted, outer: Head) -> Inside | Reason:
    """What is in it; `MIXED` where that is encrypted again, `MISMATCH` where it names another author, or `DAMAGED`."""
    if b"\0" in opened or headers.excessive(opened):
        return Reason.DAMAGED
    content = _with_crlf(opened)
    return _of_text(content, form.charset) if form.inline else _of_entity(content, outer)


def protected_subject(head: Head) -> Field | None:
    """The Subject of a header that is protected; None where it is not, or has several."""
    kind = content_type.of(head)
    subjects = headers.all(head, "subject")
    if kind is None or len(subjects) != 1:
        return None
    marked = kind.get("hp").lower() in _PROTECTED or kind.get("protected-headers").lower() == b"v1"
    return subjects[0] if marked else None


def opened_fields(fields: Iterable[Field], inside: Inside, *, answers: bool) -> tuple[Field, ...]:
    """The header of the opened mail: the outer fields, with the structure and the subject of the inside.

    Without `answers` it asks for no answer to anybody but its author.
    """
    gone = {"mime-version", *(() if answers else ANSWERS), *(("subject",) if inside.subject else ())}
    kept = [one for one in fields if not is_structural(one) and one.name not in gone]
    subject = [_rewritten(inside.subject)] if inside.subject else []
    return (*kept, *subject, Field(MIME_VERSION), *inside.structural)


def _of_entity(content: bytes, outer: Head) -> Inside | Reason:
    whole = mime.root(content)
    kind = content_type.of(whole.head)
    if incoming_shape.encrypted_again(content, whole, kind):
        return Reason.MIXED
    signed = incoming_shape.signed(content, whole, kind) if kind else None
    heads = [whole.head, *([headers.split(signed.content)] if signed else [])]
    if any(differs(head, outer) for head in heads):
        return Reason.MISMATCH
    within = protected_subject(heads[-1]) if signed else None
    return Inside(
        structural=tuple(one for one in whole.head.fields if is_structural(one)),
        body=memoryview(content)[whole.head.body_start :],
        subject=within or protected_subject(whole.head),
        subject_within_signature=within is not None,
        signed=signed,
    )


def _of_text(content: bytes, charset: bytes) -> Inside:
    """A plain text (RFC 2045): encoded where a line is too long."""
    eight_bit = not content.isascii()
    named = charset if _TOKEN.fullmatch(charset) else b"utf-8"
    if eight_bit and _is_utf8(content):
        named = b"utf-8"
    long = any(len(line) > MAX_LINE for line in content.split(b"\r\n"))
    if long:
        content = _LINE_END.sub(b"\r\n", quopri.encodestring(_LINE_END.sub(b"\n", content)))
    encoding = b"quoted-printable" if long else b"8bit" if eight_bit else b"7bit"
    kind = Field(b"Content-Type: text/plain; charset=%b\r\n" % named)
    return Inside((kind, Field(b"Content-Transfer-Encoding: %b\r\n" % encoding)), content)


def _rewritten(subject: Field) -> Field:
    """As it stands where it is ASCII in lines of usual length; else encoded anew."""
    lines = subject.raw.split(b"\r\n")
    short = len(subject.raw) <= headers.MAX_READ and max(map(len, lines)) <= MAX_LINE
    usual = short and not subject.raw.translate(None, _PRINTABLE)
    return Field(subject.line) if usual else subject_tags.field(headers.decoded(subject))


def _with_crlf(content: bytes) -> bytes:
    return content if line_ends.are_crlf(content) else _LINE_END.sub(b"\r\n", content)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
