"""MIME structure on the received octets, without copies (RFC 2045 section 5.1, RFC 2046 section 5.1).

Reads strictly: a Content-Type that is repeated, or that two readers could take differently, is unreadable
(`None`); callers treat that as the riskier case.
Everything is bounded: the part headers that are looked at, the parts of a multipart, and the lines that only
look like a boundary. Raises nothing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

from relay.mail import headers
from relay.mail.headers import Field, Head

MAX_CONTENT_TYPE = 16_384
MAX_PART_HEAD = 65_536
MAX_PARTS = 1_000
MAX_LOOKALIKES = 10_000
IDENTITY = frozenset({"7bit", "8bit", "binary"})
"""Transfer encodings that change nothing (RFC 2045 section 6.2)."""

_COMMENT = rb"\([^()\\]*\)"
_SPACE = rb"[ \t\r\n]*(?:%b[ \t\r\n]*)*" % _COMMENT
_TOKEN = rb"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+"
_QUOTED = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_BARE = rb'(?!%b)[^ \t\r\n;"]+' % _COMMENT  # a comment that may be space is no value
_TYPE = re.compile(rb"[^:]*:%b(%b)/(%b)%b" % (_SPACE, _TOKEN, _TOKEN, _SPACE))
_DISPOSITION = re.compile(rb"[^:]*:%b(?:inline|attachment)%b" % (_SPACE, _SPACE), re.IGNORECASE)
_PARAMETER = re.compile(rb";%b(%b)%b=%b(%b|%b)%b" % (_SPACE, _TOKEN, _SPACE, _SPACE, _QUOTED, _BARE, _SPACE), re.DOTALL)
_NO_MORE = re.compile(rb"[; \t\r\n]*\Z")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_DELIMITER_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


class Parameter(NamedTuple):
    """A parameter (name in lower case, value unquoted) and where it stands in the raw field, its `;` included."""

    name: str
    value: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ContentType:
    """A Content-Type that has one reading."""

    kind: str
    """`text/plain`, in lower case."""
    parameters: tuple[Parameter, ...] = ()

    def get(self, name: str) -> bytes:
        """The parameter's value, or nothing."""
        return next((one.value for one in self.parameters if one.name == name), b"")

    @property
    def multipart(self) -> bool:
        """Whether it has parts."""
        return self.kind.startswith("multipart/")


class Part(NamedTuple):
    """An entity: its header block, and where its body stands in the content."""

    head: Head
    start: int
    end: int


class _Delimiter(NamedTuple):
    """A delimiter line, its line ends included."""

    start: int
    end: int
    closes: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a multipart and what stands before and after them."""

    parts: tuple[Part, ...]
    preamble: slice
    epilogue: slice
    closed: bool
    """The delimiter that ends it is there."""


def root(content: bytes, head: Head | None = None) -> Part:
    """The whole message as a MIME entity; `head` is its header block, where that has been cut already."""
    head = head or headers.split(content)
    return Part(head, head.body_start, len(content))


def content_type(head: Head) -> ContentType | None:
    """What the entity is; text/plain where nothing is said (RFC 2045 section 5.2)."""
    fields = headers.all(head, "content-type")
    if not fields:
        return ContentType("text/plain")
    return parse(fields[0]) if len(fields) == 1 else None


def parse(field: Field) -> ContentType | None:
    """Parse a Content-Type field (RFC 2045 section 5.1); None where it cannot be read or is too long."""
    raw = field.raw
    match = _TYPE.match(raw) if len(raw) <= MAX_CONTENT_TYPE else None
    parameters = _parameters(raw, match.end()) if match else None
    return ContentType(_kind(match), parameters) if match and parameters is not None else None


def disposition(field: Field) -> tuple[Parameter, ...] | None:
    """The parameters of a Content-Disposition field (RFC 2183) that says inline or attachment, and can be read."""
    match = _DISPOSITION.match(field.raw) if len(field.raw) <= MAX_CONTENT_TYPE else None
    return _parameters(field.raw, match.end()) if match else None


def _parameters(raw: bytes, at: int) -> tuple[Parameter, ...] | None:
    """What follows in the field, where each has another name and nothing else follows."""
    found: list[Parameter] = []
    while match := _PARAMETER.match(raw, at):
        found.append(Parameter(match[1].decode("ascii").lower(), _unquoted(match[2]), at, match.end()))
        at = match.end()
    distinct = len({one.name for one in found}) == len(found)
    return tuple(found) if distinct and _NO_MORE.match(raw, at) else None


def claimed_type(head: Head) -> str:
    """What the first Content-Type claims, in lower case, also where its parameters cannot be read; or nothing."""
    fields = headers.all(head, "content-type")
    match = _TYPE.match(fields[0].raw[:MAX_CONTENT_TYPE]) if fields else None
    return _kind(match) if match else ""


def encoding(head: Head) -> str | None:
    """The transfer encoding in lower case, `7bit` where none is named; None: repeated."""
    fields = headers.all(head, "content-transfer-encoding")
    if not fields:
        return "7bit"
    return fields[0].value.lower() if len(fields) == 1 else None


def octets(content: bytes, part: Part, limit: int | None = None) -> bytes | None:
    """The body (of its first `limit` octets) without its transfer encoding; None where that cannot be undone."""
    end = part.end if limit is None else min(part.end, part.start + limit)
    body = content[part.start : end]
    match encoding(part.head):
        case one if one in IDENTITY:
            return body
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case "base64":
            return _base64(body, whole=end == part.end)
    return None


def _kind(match: re.Match[bytes]) -> str:
    return b"/".join(match.groups()).decode("ascii").lower()


def _base64(text: bytes, *, whole: bool) -> bytes | None:
    digits = text.translate(None, b" \t\r\n")
    if not whole:
        digits = digits[: len(digits) - len(digits) % 4]
    try:
        return binascii.a2b_base64(digits, strict_mode=True)
    except binascii.Error:
        return None


def parts(content: bytes, whole: Part, boundary: bytes) -> Parts | None:
    """What a multipart is made of; None where it has no parts, or is too much to read."""
    delimiters: list[_Delimiter] = []
    for delimiter in islice(_delimiters(content, whole, b"--" + boundary), MAX_PARTS + 2):
        delimiters.append(delimiter)
        if delimiter.closes:
            break
    if not boundary or not delimiters or len(delimiters) > MAX_PARTS + 1:
        return None
    closed = delimiters[-1].closes
    edges = delimiters if closed else [*delimiters, _Delimiter(whole.end, whole.end, closes=True)]
    entities = tuple(_part(content, one.end, two.start) for one, two in pairwise(edges))
    return Parts(entities, slice(whole.start, edges[0].start), slice(edges[-1].end, whole.end), closed)


def _delimiters(content: bytes, whole: Part, mark: bytes) -> Iterator[_Delimiter]:
    """Each delimiter line; the line end before it is its own (RFC 2046 section 5.1.1)."""
    at = whole.start - len(mark)
    earlier = whole.start
    for _ in range(MAX_LOOKALIKES):
        at = content.find(mark, at + len(mark), whole.end)
        if at < 0:
            return
        line = _DELIMITER_END.match(content, at + len(mark), whole.end)
        if line and (at == whole.start or content[at - 1] == 0x0A):
            yield _Delimiter(_before_line_end(content, at, earlier), line.end(), closes=line[1] is not None)
            earlier = line.end()


def _part(content: bytes, start: int, end: int) -> Part:
    head = headers.split(content, start, min(end, start + MAX_PART_HEAD))
    return Part(head, min(head.body_start, end), end)


def _before_line_end(content: bytes, at: int, start: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    if at > start:
        at -= 1
        if at > start and content[at - 1] == 0x0D:
            at -= 1
    return at


def _unquoted(value: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value
