"""MIME structure on the received octets, without copies (RFC 2046 section 5.1).

`relay.mail.content_type` says what an entity is. Everything is bounded: the part headers that are looked at, the parts
of a multipart, and the lines that only look like a boundary. Raises nothing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple

from relay.mail import headers
from relay.mail.headers import Head

MAX_PART_HEAD = 65_536
MAX_PARTS = 1_000
MAX_LOOKALIKES = 10_000
IDENTITY = frozenset({"7bit", "8bit", "binary"})
"""Transfer encodings that change nothing (RFC 2045 section 6.2)."""

_DELIMITER_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")


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
