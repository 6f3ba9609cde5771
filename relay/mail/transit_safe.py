"""The entity that a signature in clear is made over, in octets that no host changes on the way (RFC 3156 section 5).

Hosts recode what is not ASCII, fold lines over 998 octets (RFC 5322 section 2.1.1), take blanks off the ends of lines
and put `>` before `From `. `settled` encodes the parts in which such octets stand, in quoted-printable or base64; all
others stay byte for byte, and the content of each is the same after decoding. It gives up rather than guess: what has
no single reading, what is signed or encrypted inside and would have to be changed, and header fields of parts that are
not ASCII. Bounded by `mime`; raises nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

from relay.mail import content_type, headers, mime
from relay.mail.headers import Field, Head
from relay.mail.mime import Part
from relay.model.errors import RelayError

LONGEST_LINE = 998
DEEPEST = 20

_TRAILING_BLANKS = re.compile(rb"[ \t]+(?=\r?\n|\Z)")
_BLANK_LINE = re.compile(rb"(?<=\n)[ \t]+\r?\n")
_FROM = re.compile(rb"^From ", re.MULTILINE)
_CLOSED = frozenset({"multipart/signed", "multipart/encrypted", "multipart/digest"})
"""What is inside must not change, or is of another type than it says."""
_ENCODING = "content-transfer-encoding"
_EIGHT_BIT = frozenset({"8bit", "binary"})
"""Labels for which Postfix recodes a part, whatever its octets are."""

Octets = bytes | memoryview


class _Unfit(RelayError):
    """It cannot be made safe."""


def settled(content: bytes, head: Head) -> bytes | None:
    """The Content fields of this message and its body; None where it cannot be done."""
    structural = tuple(field for field in head.fields if field.name.startswith("content-"))
    if not head.separator or content_type.of(head) is None:
        return None
    try:
        entity = b"".join(_entity(content, Part(head, head.body_start, len(content)), structural, DEEPEST))
    except _Unfit:
        return None
    return entity if safe(entity, 0, len(entity)) else None  # a boundary may be what hosts change


def safe(content: bytes, start: int, end: int) -> bool:
    """Whether no host changes these octets."""
    octets = content if (start, end) == (0, len(content)) else content[start:end]
    return (
        octets.isascii()
        and b" \r\n" not in octets
        and b"\t\r\n" not in octets
        and not octets.endswith((b" ", b"\t"))
        and not octets.startswith(b"From ")
        and b"\nFrom " not in octets
        and not _has_long_line(octets)
    )


def _labelled(octets: bytes) -> bool:
    """Whether a part in it may be called 8bit or binary."""
    text = octets.lower()
    return b"8bit" in text or b"binary" in text


def _has_long_line(octets: bytes) -> bool:
    """Steps from the last line end within reach to the next."""
    at = 0
    while len(octets) - at > LONGEST_LINE:
        end = octets.rfind(b"\n", at, at + LONGEST_LINE + 2)
        if end < 0:
            return True
        at = end + 1
    return False


def _entity(content: bytes, part: Part, fields: tuple[Field, ...], left: int) -> Iterator[Octets]:
    """Header, empty line and body of a part."""
    if not part.head.separator:
        raise _Unfit
    others = tuple(field for field in fields if field.name != _ENCODING)
    kind = content_type.of(part.head)
    simple = kind is not None and not kind.multipart and not kind.kind.startswith("message/")
    if safe(content, part.start, part.end) and (simple or not _labelled(content[part.start : part.end])):
        kept = others if mime.encoding(part.head) in _EIGHT_BIT else fields
        yield from (*_header(kept), b"\r\n")
        yield memoryview(content)[part.start : part.end]
        return
    if kind is None or kind.kind in _CLOSED or left <= 0:
        raise _Unfit
    if kind.multipart:
        yield from (*_header(others), b"\r\n", *_parts(content, part, kind.get("boundary"), left - 1))
    elif kind.kind == "message/rfc822":
        inside = headers.split(content, part.start, min(part.end, part.start + mime.MAX_PART_HEAD))
        inner = Part(inside, inside.body_start, part.end)
        yield from (*_header(others), b"\r\n", *_entity(content, inner, inside.fields, left - 1))
    elif kind.kind.startswith("message/"):
        raise _Unfit
    else:
        name, body = _encoded(content, part, text=kind.kind.startswith("text/"))
        yield from (*_header(others), b"Content-Transfer-Encoding: %b\r\n\r\n" % name, body)


def _parts(content: bytes, whole: Part, boundary: bytes, left: int) -> Iterator[Octets]:
    found = mime.parts(content, whole, boundary)
    if found is None or not found.closed or mime.encoding(whole.head) not in mime.IDENTITY:
        raise _Unfit
    if _lookalikes(content, whole, boundary) != len(found.parts) + 1:  # some readers take each for a boundary
        raise _Unfit
    preamble, epilogue = content[found.preamble], content[found.epilogue]
    if safe(preamble, 0, len(preamble)):
        yield preamble
    for number, part in enumerate(found.parts):
        yield from (b"\r\n" if number or preamble else b"", b"--%b\r\n" % boundary)
        yield from _entity(content, part, part.head.fields, left)
    yield b"\r\n--%b--\r\n" % boundary
    if safe(epilogue, 0, len(epilogue)):
        yield epilogue


def _lookalikes(content: bytes, whole: Part, boundary: bytes) -> int:
    """Lines that begin like a boundary."""
    mark = b"--" + boundary
    return content.count(b"\n" + mark, whole.start, whole.end) + content.startswith(mark, whole.start, whole.end)


def _header(fields: Iterable[Field]) -> Iterator[bytes]:
    """The fields, without blanks at the ends of their lines."""
    for field in fields:
        line = _TRAILING_BLANKS.sub(b"", _BLANK_LINE.sub(b"", field.line))
        if not safe(line, 0, len(line)):
            raise _Unfit
        yield line


def _encoded(content: bytes, part: Part, *, text: bool) -> tuple[bytes, bytes]:
    """Another transfer encoding of a part's body, and its name."""
    octets = mime.octets(content, part)
    encoding = mime.encoding(part.head)
    if octets is None:
        raise _Unfit
    if encoding == "base64" or (not text and encoding in mime.IDENTITY):
        return b"base64", base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return b"quoted-printable", _quoted_printable(octets)


def _quoted_printable(octets: bytes) -> bytes:
    encoded = binascii.b2a_qp(octets, istext=True)
    if b"\r\n" not in octets:  # the line ends that it writes are like those that it sees
        encoded = encoded.replace(b"\n", b"\r\n")
    return _FROM.sub(b"From=\r\n ", encoded)
