"""ASCII armor, read and written (RFC 9580 section 6.2).

Reads any line ending, armor headers, text around and between blocks. A CRC24 line is recognised and left
out of the data, and never compared: section 6.1 forbids to refuse a block for its checksum. Writes CRLF,
76 columns, no armor headers, and the checksum that section 6.1 calls optional: without it GnuPG 2.2 cannot
read the third of all messages whose base64 needs no padding. Raises `OpenPgpError` for a block that is cut
off or is not base64. The cost is linear, and data is copied once.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import anycrc
import pybase64

from relay.model.errors import OpenPgpError

COLUMNS = 76  # the most that section 6 allows
SPACE = b" \t\r\n"
MAX_HEADERS = 20
MAX_HEADER_LINE = 400

_BEGIN = b"-----BEGIN PGP "
_BEGIN_LINE = re.compile(rb"-----BEGIN PGP ([A-Z0-9 ,/]{1,40})-----[ \t]*(?:\r\n|\r|\n|\Z)")
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n)")
_CHECKSUM = re.compile(rb"(?:\A|[\r\n])[ \t]*=[A-Za-z0-9+/]{1,4}={0,2}\Z")
_TAIL = 1_000  # where a checksum is looked for
_WINDOW = 1 << 18
"""Octets. From the threshold in `relay.process.memory` on, malloc takes memory from the system each time."""
_ROW_OCTETS = COLUMNS // 4 * 3
_ROWS = 4096
"""The number of rows that are written at once."""
_ROW_FORMATS = 8
"""The number of row formats that are remembered."""
_CRC24 = anycrc.Model("CRC24-OPENPGP")  # section 6.1.1


@dataclass(frozen=True, slots=True)
class Block:
    """What one block holds, and its kind as its first line names it: `MESSAGE`, `PUBLIC KEY BLOCK`."""

    kind: str
    data: bytes


class Located(NamedTuple):
    """A block, where it and its base64 stand in the text, and its armor headers. No block lies in another."""

    block: Block
    start: int
    end: int
    headers: tuple[bytes, ...]
    digits: tuple[int, int]
    """Where the base64 begins and ends, the checksum left out."""


def is_armored(data: bytes) -> bool:
    """Whether a block begins somewhere, at the start of a line."""
    return next(_beginnings(data, 0, len(data)), None) is not None


def dearmor(data: bytes) -> list[Block]:
    """Every block in the text, in order; none is an empty list."""
    return [located.block for located in locate(data)]


def locate(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Located]:
    """Every block in `data[start:end]`, and where it stands in `data`.

    The frame of a cleartext signature is no block: its text is skipped.
    """
    end = len(data) if end is None else end
    return (_read(data, begin, end) for begin in _beginnings(data, start, end) if begin[1] != b"SIGNED MESSAGE")


def enarmor(data: bytes, kind: str) -> bytes:
    """One block around `data`."""
    return b"".join(pieces(data, kind))


def pieces(data: bytes, kind: str) -> Iterator[bytes]:
    """The same bit by bit, for who joins it with more: a mail of 50 MB is not copied once again."""
    label = kind.encode("ascii")
    yield b"-----BEGIN PGP %b-----\r\n\r\n" % label
    view = memoryview(data)
    step = _ROW_OCTETS * _ROWS
    for at in range(0, len(data), step):
        encoded = pybase64.b64encode(view[at : at + step])
        yield b"\r\n".join(_row_format(len(encoded)).unpack(encoded))
        yield b"\r\n"
    yield b"=%b\r\n" % pybase64.b64encode(_CRC24.calc(data).to_bytes(3, "big"))
    yield b"-----END PGP %b-----\r\n" % label


@lru_cache(_ROW_FORMATS)
def _row_format(digits: int) -> struct.Struct:
    """A struct that cuts so many digits into rows, many times faster than a regular expression or slices."""
    rows, rest = divmod(digits, COLUMNS)
    return struct.Struct(f"{COLUMNS}s" * rows + (f"{rest}s" if rest else ""))


def _beginnings(data: bytes, start: int, end: int) -> Iterator[re.Match[bytes]]:
    at = data.find(_BEGIN, start, end)
    while at >= 0:
        match = _BEGIN_LINE.match(data, at, end)
        if match and (at == start or data[at - 1] in b"\r\n"):
            yield match
        at = data.find(_BEGIN, at + 1, end)


def _read(data: bytes, begin: re.Match[bytes], end: int) -> Located:
    headers, at = _headers(data, begin.end(), end)
    mark = b"-----END PGP %b-----" % begin[1]
    last = data.find(mark, at, end)
    if last < 0 or data[last - 1] not in b"\r\n":
        raise OpenPgpError("the armor is cut off: its last line is missing")
    end = _before_checksum(data, at, last)
    block = Block(begin[1].decode("ascii"), _decode(data, at, end))
    return Located(block, begin.start(), last + len(mark), headers, (at, end))


def _headers(data: bytes, at: int, end: int) -> tuple[tuple[bytes, ...], int]:
    """The armor headers, and where the base64 begins: after the first empty line."""
    headers: list[bytes] = []
    while len(headers) <= MAX_HEADERS:
        line = _LINE.match(data, at, min(at + MAX_HEADER_LINE, end))
        if not line:
            break
        at = line.end()
        if not line[1].strip():
            return tuple(headers), at
        if b":" not in line[1]:
            break
        headers.append(line[1])
    raise OpenPgpError("the armor has no empty line after its headers")


def _before_checksum(data: bytes, start: int, end: int) -> int:
    """Where the base64 of `data[start:end]` ends."""
    tail = max(start, end - _TAIL)
    last = data[tail:end].rstrip(SPACE)
    line = max(last.rfind(b"\n"), last.rfind(b"\r"), 0)
    checksum = _CHECKSUM.search(last, line)  # \A: a checksum without data before it; else the tail begins inside a line
    return tail + (checksum.start() if checksum else len(last))


def _decode(data: bytes, start: int, end: int) -> bytes:
    """The base64 of `data[start:end]`, without a copy of it all."""
    decoded = BytesIO()
    decoded.writelines(_decoded(data, start, end))
    return decoded.getvalue()


def _decoded(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Window by window; padding ends it."""
    left, padded = b"", False
    for at in range(start, end, _WINDOW):
        digits = left + data[at : min(at + _WINDOW, end)].translate(None, SPACE)
        whole = len(digits) - len(digits) % 4
        if padded and digits:
            break
        try:
            yield pybase64.b64decode(memoryview(digits)[:whole], validate=True)
        except binascii.Error as error:
            raise OpenPgpError("the armor is not base64") from error
        left, padded = digits[whole:], digits.endswith(b"=")
    else:
        if not left:
            return
    raise OpenPgpError("the armor is not base64")
