"""Whether all of an entity is encrypted: judged by its structure, never by a word in it.

PGP/MIME (RFC 3156 section 4), S/MIME (RFC 8551 section 3.3, RFC 5652, RFC 5083), armor in a text, and OpenPGP files.
Strict on purpose: whatever could be seen without a key (text around the armor or between the parts, a readable part,
a CMS that is signed only, text in the place of ciphertext) makes it not encrypted, and so does whatever cannot be
read: such a mail is encrypted like any other, which is the safe side. `encrypted` raises `Doubtful` for what looks
encrypted and is not taken for that; `pgp_mime` raises `OpenPgpError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from relay.mail import armor, base64_lines, boilerplate, cms, content_type, encrypted_packets, mime
from relay.mail.allowed_headers import identifiers, is_bare, is_bare_armor
from relay.mail.armor import Located
from relay.mail.content_type import ContentType
from relay.mail.mime import Part
from relay.model import Doubt
from relay.model.errors import Doubtful, OpenPgpError

PGP_MIME = "PGP/MIME"
S_MIME = "S/MIME"
INLINE = "inline PGP"
FILE = "OpenPGP file"

MAX_PREAMBLE = 1_000
MAX_ARMOR_HEADERS = 8
PEEK = 4_096

CMS = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_VERSION_1 = re.compile(rb"\s*version:[ \t]*1\s*", re.IGNORECASE)
_BEGIN = b"-----BEGIN PGP MESSAGE-----"
_FIRST_OCTETS = frozenset({0x84, 0x85, 0x86, 0x8C, 0x8D, 0x8E, 0xC1, 0xC3})
"""A PKESK or an SKESK begins with one of these."""
_NOT_QUOTED_PRINTABLE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*(?:\r?\n|\Z))")
_CMS_HEAD = 24
"""Octets in which the type of a CMS stands."""
_SIGNED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # id-signedData


@dataclass(frozen=True, slots=True)
class Encrypted:
    """An entity in which nothing can be read."""

    kind: str
    """In words: `PGP_MIME`, `S_MIME`, `INLINE`, `FILE`."""
    key_ids: frozenset[str] = frozenset()
    """What OpenPGP session keys are for: key ids, `session_key.PASSWORD`; none of S/MIME."""
    identifiers: tuple[str, ...] = ()
    """In the headers of its parts."""


class _Body(NamedTuple):
    """A body without its transfer encoding: `text[start:end]`."""

    text: bytes
    start: int
    end: int


def encrypted(content: bytes, part: Part, kind: ContentType) -> Encrypted | None:
    """How the entity is encrypted; None where it does not look encrypted."""
    look = look_of(content, part, kind)
    try:
        match look:
            case "":
                return None
            case "PGP/MIME":
                return Encrypted(
                    look, _armored_key_ids(_encrypted_part(content, part, kind)), _identifiers(content, part, kind)
                )
            case "S/MIME":
                cms.read_enveloped(_octets(content, part))
                return Encrypted(look)
            case "inline PGP":
                return Encrypted(look, _armored_key_ids(_body(content, part)))
            case _:
                return Encrypted(look, encrypted_packets.key_ids(_binary(content, part)))
    except OpenPgpError as error:
        raise error if isinstance(error, Doubtful) else Doubtful(Doubt.FORM) from error


def look_of(content: bytes, part: Part, kind: ContentType) -> str:
    """What it looks like by its type and first octets; empty: not encrypted."""
    if kind.kind == "multipart/encrypted":
        return PGP_MIME
    if not kind.kind.startswith(("text/", "application/")):
        return ""
    begins = mime.octets(content, part, PEEK) or b""
    if kind.kind in CMS:
        return "" if _SIGNED in begins[:_CMS_HEAD] else S_MIME
    if begins.lstrip(armor.SPACE).startswith(_BEGIN):
        return INLINE
    binary = kind.kind.startswith("application/") and begins[:1] and begins[0] in _FIRST_OCTETS
    return FILE if binary else ""


def is_nothing(content: bytes, part: Part, kind: ContentType) -> bool:
    """Whether the entity is empty, or the first part of a PGP/MIME mail that a server made multipart/mixed of."""
    if kind.kind not in {"text/plain", "application/pgp-encrypted"} or part.end - part.start > PEEK:
        return False
    octets = mime.octets(content, part) or b""
    return not octets.strip(armor.SPACE) or (kind.kind != "text/plain" and _VERSION_1.fullmatch(octets) is not None)


def pgp_mime(content: bytes, whole: Part, kind: ContentType) -> bytes:
    """The binary message in a multipart/encrypted that has nothing readable in it but its headers."""
    return _armored_message(_encrypted_part(content, whole, kind)).block.data


def _encrypted_part(content: bytes, whole: Part, kind: ContentType) -> _Body:
    """The body of the second part of a multipart/encrypted for OpenPGP."""
    if kind.kind != "multipart/encrypted" or kind.get("protocol").lower() != b"application/pgp-encrypted":
        raise Doubtful(Doubt.FORM)
    found = mime.parts(content, whole, kind.get("boundary"))
    if found is None or len(found.parts) != 2:
        raise Doubtful(Doubt.FORM)
    if not nothing_around(content, found):
        raise Doubtful(Doubt.AROUND)
    version, data = found.parts
    if not all(map(is_bare, found.parts)):
        raise Doubtful(Doubt.HEADERS)
    if _kind(version) != "application/pgp-encrypted" or not _VERSION_1.fullmatch(_short(content, version)):
        raise Doubtful(Doubt.FORM)
    if _kind(data) != "application/octet-stream":
        raise Doubtful(Doubt.FORM)
    return _body(content, data)


def _identifiers(content: bytes, whole: Part, kind: ContentType) -> tuple[str, ...]:
    found = mime.parts(content, whole, kind.get("boundary"))
    return tuple(one for part in found.parts for one in identifiers(part.head)) if found else ()


def _armored_message(body: _Body) -> Located:
    """The one armored message in a body that holds nothing else but white space."""
    text, start, end = body
    if not text[start : min(start + PEEK, end)].lstrip(armor.SPACE).startswith(_BEGIN):
        raise Doubtful(Doubt.AROUND)
    located = next(armor.locate(text, start, end), None)
    if located is None or text[start : located.start].strip(armor.SPACE):
        raise Doubtful(Doubt.AROUND)
    if end - located.end > PEEK or text[located.end : end].strip(armor.SPACE):
        raise Doubtful(Doubt.AROUND)
    if len(located.headers) > MAX_ARMOR_HEADERS or not all(map(is_bare_armor, located.headers)):
        raise Doubtful(Doubt.HEADERS)
    if not base64_lines.in_full_lines(text, *located.digits):
        raise Doubtful(Doubt.LINES)
    return located


def _armored_key_ids(body: _Body) -> frozenset[str]:
    located = _armored_message(body)
    if base64_lines.words_in(body.text, *located.digits):
        raise Doubtful(Doubt.READABLE)
    return encrypted_packets.key_ids(located.block.data)


def is_signed_data(content: bytes, leaf: Part) -> bool:
    """Whether the leaf is CMS signed data, which anybody can read."""
    return (_cms(content, leaf) or b"").startswith(_SIGNED)


def nothing_around(content: bytes, found: mime.Parts) -> bool:
    """Whether it ends, and nothing but what programs write stands before the first part and after the last."""
    before, after = content[found.preamble], content[found.epilogue]
    if not found.closed or len(before) > MAX_PREAMBLE or len(after) > MAX_PREAMBLE:
        return False
    return boilerplate.says_nothing(before.decode("utf-8", "replace")) and not after.strip(armor.SPACE)


def _body(content: bytes, part: Part) -> _Body:
    """Its body, which is not copied where it has no transfer encoding."""
    if mime.encoding(part.head) in mime.IDENTITY:
        return _Body(content, part.start, part.end)
    octets = _octets(content, part)
    return _Body(octets, 0, len(octets))


def _binary(content: bytes, part: Part) -> bytes:
    """The same of a body whose octets are as good as random, and so are its base64 digits."""
    octets = _octets(content, part)
    if mime.encoding(part.head) == "base64" and base64_lines.words_in(content, part.start, part.end):
        raise Doubtful(Doubt.READABLE)
    return octets


def _octets(content: bytes, part: Part) -> bytes:
    """Its body without its transfer encoding, which hides nothing. Raises `Doubtful` where it may."""
    match mime.encoding(part.head):
        case "quoted-printable" if _NOT_QUOTED_PRINTABLE.search(content, part.start, part.end):
            raise Doubtful(Doubt.FORM)
        case "base64" if not base64_lines.in_full_lines(content, part.start, part.end):
            raise Doubtful(Doubt.LINES)
    octets = mime.octets(content, part)
    if octets is None:
        raise Doubtful(Doubt.FORM)
    return octets


def _kind(part: Part) -> str:
    kind = content_type.of(part.head)
    return kind.kind if kind else ""


def _short(content: bytes, part: Part) -> bytes:
    return _octets(content, part) if part.end - part.start <= PEEK else b""


def _cms(content: bytes, leaf: Part) -> bytes | None:
    """What is inside the outermost SEQUENCE (RFC 5652 section 3), where that spans the whole part."""
    data = mime.octets(content, leaf)
    if not data or len(data) < 32 or data[0] != 0x30:
        return None
    octets = data[1] & 0x7F if data[1] >= 0x80 else 0
    inside = 2 + octets
    if data[1] == 0x80:  # indefinite length (BER), as streaming writers use it
        return data[inside : inside + 16] if data.endswith(b"\0\0") else None
    size = int.from_bytes(data[2:inside], "big") if octets else data[1]
    return data[inside : inside + 16] if octets <= 4 and inside + size == len(data) else None
