"""How an incoming mail is protected by OpenPGP, by its structure alone.

It is opened where all of it is one encrypted message, and verified where all of it is signed: PGP/MIME (RFC 3156) or
one block of armor in a plain text. What is encrypted in part, within other parts, as an attachment, or below a
signature stays closed: `MIXED`. What is signed in part is not signed. S/MIME is not looked at. Raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.mail import armor, content_type, encrypted_message, mime
from relay.mail.content_type import ContentType
from relay.mail.encrypted_message import EncryptedMessage
from relay.mail.entities import entities
from relay.mail.mime import Part
from relay.model.errors import OpenPgpError
from relay.model.opened import Reason

MAX_TEXT = 1 << 20
"""Octets of a text in which armor is looked for."""
PEEK = 4_096

_MESSAGE = b"-----BEGIN PGP MESSAGE-----"
_CLEARTEXT = b"-----BEGIN PGP SIGNED MESSAGE-----"
_CLEARTEXT_END = b"-----END PGP SIGNATURE-----"
_ARMORED_KINDS = ("text/", "application/")


@dataclass(frozen=True, slots=True)
class Encrypted:
    """An OpenPGP message that a mail consists of."""

    data: bytes
    """Binary (RFC 9580 section 10.3)."""
    inline: bool = False
    """It is a text's, and its content has no header."""
    charset: bytes = b""
    """Of an inline one, as its armor or its text says."""


@dataclass(frozen=True, slots=True)
class Signed:
    """All of it but a detached signature: multipart/signed."""

    content: bytes
    """The signed part with its header."""
    signature: bytes
    """Binary; empty where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Cleartext:
    """A text that is signed in line (RFC 9580 section 7)."""

    message: bytes


Protection = Encrypted | Signed | Cleartext | Reason | None
"""None: neither encrypted nor signed."""


def protection(content: bytes) -> Protection:
    """Of a whole mail; `Reason.MIXED` and `DAMAGED` for one that stays closed."""
    whole = mime.root(content)
    kind = content_type.of(whole.head)
    if kind and kind.kind == "multipart/encrypted" and _protocol(kind) == b"application/pgp-encrypted":
        return _encrypted(content, whole, kind)
    if kind and kind.kind == "text/plain" and (inline := _inline(content, whole, kind)):
        return inline
    if any(_looks_encrypted(content, part, one) for part, one in entities(content, whole)):
        return Reason.MIXED
    return signed(content, whole, kind) if kind else None


def encrypted_again(content: bytes, whole: Part, kind: ContentType | None) -> bool:
    """Whether what was opened is as a whole one more encrypted message."""
    if kind is None:
        return False
    begins = mime.octets(content, whole, PEEK) if kind.kind == "text/plain" else b""
    return kind.kind == "multipart/encrypted" or (begins or b"").lstrip(armor.SPACE).startswith(_MESSAGE)


def signed(content: bytes, whole: Part, kind: ContentType) -> Signed | None:
    """What a multipart/signed for OpenPGP signs; None for any other entity."""
    if kind.kind != "multipart/signed" or _protocol(kind) != b"application/pgp-signature":
        return None
    found = mime.parts(content, whole, kind.get("boundary"))
    if found is None or len(found.parts) != 2 or content[found.epilogue].strip(armor.SPACE):
        return None
    first, second = found.parts
    if _kind(second) != "application/pgp-signature":
        return None
    return Signed(content[_start(first) : first.end], _signature(mime.octets(content, second) or b""))


def _encrypted(content: bytes, whole: Part, kind: ContentType) -> Encrypted | Reason:
    found = mime.parts(content, whole, kind.get("boundary"))
    if found is None:
        return Reason.DAMAGED
    if len(found.parts) != 2 or content[found.epilogue].strip(armor.SPACE):
        return Reason.MIXED
    version, data = found.parts
    if _kind(version) != "application/pgp-encrypted" or _kind(data) != "application/octet-stream":
        return Reason.MIXED
    if mime.encoding(data.head) in mime.IDENTITY:
        return _of_armor(content, data.start, data.end)  # a large one is not copied
    octets = mime.octets(content, data)
    if octets is None:
        return Reason.DAMAGED
    return Encrypted(octets) if octets[:1] >= b"\x80" else _of_armor(octets, 0, len(octets))


def _inline(content: bytes, whole: Part, kind: ContentType) -> Encrypted | Cleartext | Reason | None:
    text = (mime.octets(content, whole, PEEK) or b"").lstrip(armor.SPACE)
    if not text.startswith((_MESSAGE, _CLEARTEXT)):
        return None
    text = mime.octets(content, whole) or b""
    if text.lstrip(armor.SPACE).startswith(_MESSAGE):
        return _armored(text, 0, len(text), kind.get("charset"))
    one = text.count(_CLEARTEXT) == text.count(_CLEARTEXT_END) == 1 and _MESSAGE not in text
    return Cleartext(text) if one and text.rstrip(armor.SPACE).endswith(_CLEARTEXT_END) else None


def _of_armor(text: bytes, start: int, end: int) -> Encrypted | Reason:
    found = _armored(text, start, end)
    return found if isinstance(found, Reason) else Encrypted(found.data)


def _armored(text: bytes, start: int, end: int, charset: bytes = b"") -> Encrypted | Reason:
    """The one armored message in `text[start:end]`, which has nothing else in it but white space."""
    try:
        found = list(armor.locate(text, start, end))
    except OpenPgpError:
        return Reason.DAMAGED
    if not found:
        return Reason.DAMAGED
    one = found[0]
    if len(found) > 1 or text[start : one.start].strip(armor.SPACE) or text[one.end : end].strip(armor.SPACE):
        return Reason.MIXED
    if one.block.kind != "MESSAGE":
        return Reason.DAMAGED
    given = (header.partition(b":")[2].strip() for header in one.headers if header.lower().startswith(b"charset:"))
    return Encrypted(one.block.data, inline=True, charset=next(given, charset))


def _signature(text: bytes) -> bytes:
    if text[:1] >= b"\x80":
        return text
    try:
        blocks = armor.dearmor(text)
    except OpenPgpError:
        return b""
    return blocks[0].data if len(blocks) == 1 and blocks[0].kind == "SIGNATURE" else b""


def _looks_encrypted(content: bytes, part: Part, kind: ContentType | None) -> bool:
    if kind is None:
        return content.find(b"\n" + _MESSAGE, part.start, part.end) >= 0
    if kind.multipart:
        return kind.kind == "multipart/encrypted"
    if not kind.kind.startswith(_ARMORED_KINDS):
        return False
    text = mime.octets(content, part, MAX_TEXT if kind.kind.startswith("text/") else PEEK) or b""
    if text.lstrip(armor.SPACE).startswith(_MESSAGE) or b"\n" + _MESSAGE in text:
        return True
    return kind.kind.startswith("application/") and _is_file(content, part, text)


def _is_file(content: bytes, part: Part, begins: bytes) -> bool:
    if begins[:1] not in {b"\x84", b"\x85", b"\x86", b"\x8c", b"\x8d", b"\x8e", b"\xc1", b"\xc3"}:
        return False
    return isinstance(encrypted_message.read(mime.octets(content, part) or b""), EncryptedMessage)


def _protocol(kind: ContentType) -> bytes:
    return kind.get("protocol").lower()


def _kind(part: Part) -> str:
    kind = content_type.of(part.head)
    return kind.kind if kind else ""


def _start(part: Part) -> int:
    """Where its header begins."""
    return part.start - len(part.head.separator) - sum(len(field.raw) for field in part.head.fields)
