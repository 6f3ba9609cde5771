"""Whether an entity is encrypted through and through: by its structure, never by a word in it.

PGP/MIME (RFC 3156 section 4), S/MIME (RFC 8551 section 3.3, RFC 5652, RFC 5083) and inline armor. Strict on
purpose: whatever could be seen without a key (text around the armor or between the parts, a readable part, a
CMS that is signed only) makes it not encrypted, and so does whatever cannot be read: such a mail is encrypted
like any other, which is the safe side. `armored_message`, `pgp_mime` and `session_keys` raise `OpenPgpError`;
the questions (`is_…`) raise nothing.
"""

from __future__ import annotations

import re
from itertools import islice

from relay.mail import armor, cms, mime, packets
from relay.mail.allowed_headers import is_bare, is_bare_armor
from relay.mail.mime import ContentType, Part
from relay.mail.randomness import is_opaque
from relay.model.errors import OpenPgpError

MAX_SESSION_KEYS = 10_000
MAX_PREAMBLE = 1_000
MAX_ARMOR_HEADERS = 8
MIN_SESSION_KEY = 42  # what the shortest in use take: Curve25519
MIN_ENCRYPTED = 41  # a prefix, an empty text, and what protects its integrity
PEEK = 4_096
PASSPHRASE = ""

PREAMBLES = frozenset(
    {
        b"",
        b"this is an openpgp/mime encrypted message (rfc 2440 and 3156)",
        b"this is an openpgp/mime encrypted message (rfc 4880 and 3156)",
        b"this is an openpgp/mime encrypted message (rfc 9580 and 3156)",
        b"this is a multi-part message in mime format",
    }
)
"""What clients write before the first part, compared as a whole: nothing can hide beside it."""

_VERSION_1 = re.compile(rb"\s*version:[ \t]*1\s*", re.IGNORECASE)
_BEGIN = b"-----BEGIN PGP MESSAGE-----"
_VERSIONS = {
    packets.SKESK: frozenset({b"\4", b"\5", b"\6"}),
    packets.SEIPD: frozenset({b"\1", b"\2"}),
    packets.AEAD: frozenset({b"\1"}),
}
_SIGNED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # id-signedData


def pgp_mime(content: bytes, whole: Part, kind: ContentType) -> bytes:
    """The binary message in a multipart/encrypted that has nothing readable in it but its headers."""
    if kind.kind != "multipart/encrypted" or kind.get("protocol").lower() != b"application/pgp-encrypted":
        raise OpenPgpError("not multipart/encrypted for OpenPGP")
    found = mime.parts(content, whole, kind.get("boundary"))
    if found is None or len(found.parts) != 2 or not nothing_around(content, found):
        raise OpenPgpError("not exactly two parts with nothing around them")
    version, data = found.parts
    if not all(map(is_bare, found.parts)):
        raise OpenPgpError("part headers that say more than what the part is")
    if _kind(version) != "application/pgp-encrypted" or not _VERSION_1.fullmatch(_short(content, version)):
        raise OpenPgpError("the first part is not Version: 1")
    if _kind(data) != "application/octet-stream":
        raise OpenPgpError("the second part is not application/octet-stream")
    if mime.encoding(data.head) in mime.IDENTITY:
        return armored_message(content, data.start, data.end)
    text = mime.octets(content, data)
    if text is None:
        raise OpenPgpError("the second part is not application/octet-stream")
    return armored_message(text)


def armored_message(text: bytes, start: int = 0, end: int | None = None) -> bytes:
    """The data of one armored message with nothing but white space around it in `text[start:end]`."""
    end = len(text) if end is None else end
    if not text[start : min(start + PEEK, end)].lstrip(armor.SPACE).startswith(_BEGIN):
        raise OpenPgpError("does not begin with an armored message")
    located = next(armor.locate(text, start, end), None)
    if located is None or text[start : located.start].strip(armor.SPACE):
        raise OpenPgpError("does not begin with an armored message")
    if end - located.end > PEEK or text[located.end : end].strip(armor.SPACE):
        raise OpenPgpError("there is text behind the armor")
    if len(located.headers) > MAX_ARMOR_HEADERS or not all(map(is_bare_armor, located.headers)):
        raise OpenPgpError("armor headers that may say something")
    return located.block.data


def session_keys(data: bytes) -> tuple[list[str], int]:
    """Of an encrypted message (RFC 9580 section 10.3): whom its session keys are for, and the encrypted packet's tag.

    It is session key packets, then one encrypted data packet, then nothing. A session key is for the key id it
    names, or for `PASSPHRASE`.
    """
    key_ids: list[str] = []
    for packet in islice(packets.walk(data), MAX_SESSION_KEYS + 1):
        start = data[packet.body_start : min(packet.end, packet.body_start + 40)]
        if packet.tag == packets.PKESK:
            key_ids.append(packets.pkesk_key_id(start))
        elif packet.tag in _VERSIONS and start[:1] not in _VERSIONS[packet.tag]:
            break
        elif packet.tag in packets.ENCRYPTED:
            if not key_ids or packet.end != len(data):
                break
            return key_ids, packet.tag
        elif packet.tag == packets.SKESK:
            key_ids.append(PASSPHRASE)
        else:
            break
    raise OpenPgpError("not session keys and one encrypted packet")


def is_pgp_mime(content: bytes, whole: Part, kind: ContentType) -> bool:
    """Whether it is PGP/MIME and nothing in it can be read."""
    try:
        return _is_opaque(pgp_mime(content, whole, kind))
    except OpenPgpError:
        return False


def is_inline(content: bytes, leaf: Part) -> bool:
    """Whether the leaf is one armored encrypted message and white space."""
    if not _kind(leaf).startswith(("text/", "application/")):
        return False
    begins = mime.octets(content, leaf, PEEK)
    if begins is None or not begins.lstrip(armor.SPACE).startswith(_BEGIN):
        return False
    text = mime.octets(content, leaf)
    try:
        return _is_opaque(armored_message(text or b""))
    except OpenPgpError:
        return False


def is_enveloped(content: bytes, leaf: Part) -> bool:
    """Whether the leaf is CMS enveloped data, told by its structure and not by `smime-type`."""
    return cms.is_enveloped(mime.octets(content, leaf) or b"")


def is_signed_data(content: bytes, leaf: Part) -> bool:
    """Whether the leaf is CMS signed data, which anybody can read."""
    return (_cms(content, leaf) or b"").startswith(_SIGNED)


def nothing_around(content: bytes, found: mime.Parts) -> bool:
    """Whether it ends, and nothing can be read before the first part and after the last."""
    before, after = content[found.preamble], content[found.epilogue]
    if not found.closed or len(before) > MAX_PREAMBLE or len(after) > MAX_PREAMBLE:
        return False
    return b" ".join(before.split()).rstrip(b".").lower() in PREAMBLES and not after.strip(armor.SPACE)


def _is_opaque(data: bytes) -> bool:
    """Whether it is an encrypted message and not in name alone. Raises `OpenPgpError` where it has not the form."""
    session_keys(data)
    for packet in packets.walk(data):
        body = packets.body(data, packet)
        shortest = {packets.PKESK: MIN_SESSION_KEY, packets.SKESK: 4}.get(packet.tag, MIN_ENCRYPTED)
        if len(body) < shortest or not is_opaque(body):
            return False
    return True


def _kind(part: Part) -> str:
    kind = mime.content_type(part.head)
    return kind.kind if kind else ""


def _short(content: bytes, part: Part) -> bytes:
    return content[part.start : part.end] if part.end - part.start <= PEEK else b""


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
