"""What kind of mail it is: plain, signed or encrypted, automatic, a calendar, Outlook's TNEF.

Told by structure: `relay.mail.encryption_survey` walks over the parts, and says whether all of it is encrypted.
Raises nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from relay.mail import ciphertext, content_type, headers, mime, program_mail
from relay.mail.ciphertext import INLINE, PGP_MIME, S_MIME
from relay.mail.content_type import ContentType
from relay.mail.encryption_survey import Survey
from relay.mail.headers import Head
from relay.mail.mime import Part
from relay.model import Doubt

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
    key_ids: tuple[frozenset[str], ...] = ()
    """Of an encrypted mail: what the session keys of each of its encrypted parts are for (`ciphertext.Encrypted`)."""
    doubt: Doubt | None = None
    """Why it is not encrypted, where it looks encrypted."""
    automatic: bool = False
    """A program wrote it, as its header says; the null sender is the envelope's matter."""
    calendar: bool = False
    tnef: bool = False


def shape_of(content: bytes, head: Head | None = None) -> Shape:
    """The shape of a whole message; `head` is its header block, where that has been cut already."""
    survey = Survey(content, head)
    encrypted = survey.encrypted
    signed = "" if encrypted else _signed(content, survey.whole)
    claims = [_claims(part, kind) for part, kind in survey.leaves]
    return Shape(
        protection=Protection.ENCRYPTED if encrypted else Protection.SIGNED if signed else Protection.NONE,
        protection_kind=encrypted[0].kind if encrypted else signed,
        key_ids=tuple(one.key_ids for one in encrypted),
        doubt=survey.doubt,
        automatic=program_mail.automatic(survey.whole.head),
        calendar=not _CALENDARS.isdisjoint(claims),
        tnef=not _TNEF.isdisjoint(claims) or any(_names_tnef(part.head) for part, _ in survey.leaves),
    )


def _claims(part: Part, kind: ContentType | None) -> str:
    return kind.kind if kind else content_type.claimed(part.head)


def _signed(content: bytes, whole: Part) -> str:
    """In words, how it is signed and not encrypted."""
    kind = content_type.of(whole.head)
    if kind is None:
        return ""
    if kind.kind == "multipart/signed":
        return _SIGNATURES.get(kind.get("protocol").lower(), "")
    if kind.kind in ciphertext.CMS:
        return S_MIME if ciphertext.is_signed_data(content, whole) else ""
    begins = b"" if kind.multipart else mime.octets(content, whole, ciphertext.PEEK) or b""
    return INLINE if begins.lstrip().startswith(b"-----BEGIN PGP SIGNED MESSAGE-----") else ""


def _names_tnef(head: Head) -> bool:
    """Whether a name or file name of the part is that of Outlook's attachments, in any of its spellings."""
    naming = (field for field in head.fields if field.name in {"content-type", "content-disposition"})
    short = (headers.decoded(field) for field in naming if len(field.raw) <= content_type.MAX_OCTETS)
    return any(_TNEF_NAME.search(unquote(_CONTINUED.sub("", value))) for value in short)
