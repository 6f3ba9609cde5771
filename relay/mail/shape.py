"""What kind of mail it is: plain, signed or encrypted, automatic, a calendar, Outlook's TNEF (DESIGN 3).

Told by structure (`relay.mail.mime`, `relay.mail.ciphertext`). One pass over the header blocks of the parts,
without recursion, bounded in depth and number; a mail that exceeds the bounds is not encrypted. Contents are
looked at only while nothing readable has been found, and a plain text costs no more than its header block.
Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from relay.mail import ciphertext, headers, mime
from relay.mail.allowed_headers import is_bare
from relay.mail.headers import Field, Head
from relay.mail.mime import ContentType, Part

MAX_DEPTH = 20
MAX_ENTITIES = 1_000

PGP_MIME = "PGP/MIME"
S_MIME = "S/MIME"
INLINE = "inline PGP"

_CMS = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_TNEF_NAME = re.compile(r"\bwinmail\.dat\b(?!\.)", re.IGNORECASE)
_CALENDARS = frozenset({"text/calendar", "text/x-vcalendar", "application/ics"})
_CONTINUED = re.compile(r"\"?;\s*(?:file)?name\*[1-9][0-9]{0,2}\*?=\s*\"?", re.IGNORECASE)
"""Between two pieces of one file name (RFC 2231 section 3)."""
_SIGNATURES = {
    b"application/pgp-signature": PGP_MIME,
    b"application/pkcs7-signature": S_MIME,
    b"application/x-pkcs7-signature": S_MIME,
}
_BULK = frozenset({"bulk", "junk", "list"})


class Protection(StrEnum):
    """What a mail is already."""

    NONE = "none"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rules and the pipeline want to know of a message's form."""

    protection: Protection = Protection.NONE
    protection_kind: str = ""
    """In words: PGP/MIME, S/MIME, inline PGP; empty where there is none."""
    automatic: bool = False
    """A program wrote it, as its header says; the null sender is the envelope's matter."""
    calendar: bool = False
    tnef: bool = False


def shape_of(content: bytes) -> Shape:
    """The shape of a whole message."""
    survey = _Survey(content)
    protection, kind = survey.protection()
    return Shape(protection, kind, _automatic(survey.whole.head), survey.calendar, survey.tnef)


class _Survey:
    """One walk over the entities of a message; what is found out stays in it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.whole = mime.root(content)
        self.calendar = False
        self.tnef = False
        self._encrypted_as: list[str] = []
        self._readable = False
        for part, kind in self._leaves():
            self._flag(part, kind)
            if not self._readable:
                self._judge(part, kind)

    def protection(self) -> tuple[Protection, str]:
        if self._encrypted_as and not self._readable:
            return Protection.ENCRYPTED, self._encrypted_as[0]
        if signed := self._signed():
            return Protection.SIGNED, signed
        return Protection.NONE, ""

    def _leaves(self) -> Iterator[tuple[Part, ContentType | None]]:
        """Each entity that is judged by itself: leaves, and a multipart/encrypted as one."""
        waiting = [(self.whole, 0)]
        seen = 0
        while waiting:
            part, depth = waiting.pop()
            kind = mime.content_type(part.head)
            if kind is None or not kind.multipart or kind.kind == "multipart/encrypted":
                yield part, kind
                continue
            found = mime.parts(self._content, part, kind.get("boundary")) if depth < MAX_DEPTH else None
            if found is None or seen + len(found.parts) > MAX_ENTITIES:
                self._readable = True
                continue
            seen += len(found.parts)
            self._readable |= not (ciphertext.nothing_around(self._content, found) and all(map(is_bare, found.parts)))
            waiting.extend((child, depth + 1) for child in reversed(found.parts))

    def _flag(self, part: Part, kind: ContentType | None) -> None:
        what = kind.kind if kind else mime.claimed_type(part.head)
        self.calendar |= what in _CALENDARS
        self.tnef |= what in _TNEF or any(map(_names_tnef, part.head.fields))

    def _judge(self, part: Part, kind: ContentType | None) -> None:
        if kind is not None and kind.kind == "multipart/encrypted":
            found = PGP_MIME if ciphertext.is_pgp_mime(self._content, part, kind) else ""
        elif kind is not None and kind.kind in _CMS:
            found = S_MIME if ciphertext.is_enveloped(self._content, part) else ""
        else:
            found = INLINE if kind is not None and ciphertext.is_inline(self._content, part) else ""
        self._readable = not found
        self._encrypted_as.append(found)

    def _signed(self) -> str:
        kind = mime.content_type(self.whole.head)
        if kind is None:
            return ""
        if kind.kind == "multipart/signed":
            return _SIGNATURES.get(kind.get("protocol").lower(), "")
        if kind.kind in _CMS:
            return S_MIME if ciphertext.is_signed_data(self._content, self.whole) else ""
        begins = b"" if kind.multipart else mime.octets(self._content, self.whole, ciphertext.PEEK) or b""
        return INLINE if begins.lstrip().startswith(b"-----BEGIN PGP SIGNED MESSAGE-----") else ""


def _names_tnef(field: Field) -> bool:
    """Whether a name or file name of the part is that of Outlook's attachments, in any of its spellings."""
    if field.name not in {"content-type", "content-disposition"} or len(field.raw) > mime.MAX_CONTENT_TYPE:
        return False
    return _TNEF_NAME.search(unquote(_CONTINUED.sub("", headers.decoded(field)))) is not None


def _automatic(head: Head) -> bool:
    submitted = [_first_word(field.value) for field in headers.all(head, "auto-submitted")]
    precedence = [_first_word(field.value) for field in headers.all(head, "precedence")]
    return (
        any(word != "no" for word in submitted)
        or not _BULK.isdisjoint(precedence)
        or headers.first(head, "list-id") is not None
    )


def _first_word(value: str) -> str:
    """The keyword before parameters and comments (RFC 3834 section 5)."""
    return value.replace(";", " ").replace("(", " ").strip().partition(" ")[0].lower()
