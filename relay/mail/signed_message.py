"""A message that is not, or no longer, encrypted: exactly one literal packet, and the signatures over it.

RFC 9580 section 10.3, read by allow list: one-pass signatures, the literal packet and their signatures, or signatures
in front of it. Compressed packets (section 5.6) are read in place, at most two within each other, and what is in all of
them is bounded: a few kilobytes can hold terabytes. Marker and padding packets are left out.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from relay.mail import packets
from relay.mail.packets import Octets, Packet
from relay.model.errors import OpenPgpError
from relay.model.opened import Reason

COMPRESSED = 8
LITERAL = 11
ONE_PASS = 4

MOST_DEPTH = 2
MOST_PACKETS = 100
MOST_SIGNATURES = 16
TIMES = 10
"""How many times its compressed size a message may have."""
ALWAYS = 64 << 10
"""Octets that any message may have: the worst of a short one does no harm, and short texts shrink well."""

_IGNORED = frozenset({packets.MARKER, packets.PADDING})
_LITERAL_FORMATS = frozenset(b"btu1lm")


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """The content, and each signature packet's body."""

    content: bytes
    signatures: tuple[bytes, ...] = ()


class _TooLarge(OpenPgpError):
    """More than may be."""


class _Nested(OpenPgpError):
    """Something encrypted in it."""


def bound(compressed: int, most: int) -> int:
    """How many octets may be in a message of so many, where a mail may have `most`."""
    return min(max(TIMES * compressed, ALWAYS), most)


def read(octets: Octets, most: int) -> SignedMessage | Reason:
    """The message in these octets, with at most so many octets in all; or why nothing of it is used."""
    try:
        return _message(list(islice(_flat(octets, _Room(most), 0), MOST_PACKETS + 1)))
    except _TooLarge:
        return Reason.TOO_LARGE
    except _Nested:
        return Reason.MIXED
    except OpenPgpError:
        return Reason.DAMAGED


@dataclass(slots=True)
class _Room:
    """Octets that may still be decompressed."""

    left: int


def _flat(octets: Octets, room: _Room, depth: int) -> Iterator[tuple[int, Octets]]:
    """Tag and body of each packet, compressed ones read in place; a body is a view where it is in one piece."""
    for one in packets.walk(octets, MOST_PACKETS):
        if one.tag == COMPRESSED:
            if depth == MOST_DEPTH:
                raise _TooLarge("compressed too often")
            yield from _flat(_decompressed(_body(octets, one), room), room, depth + 1)
        elif one.tag not in _IGNORED:
            yield one.tag, _body(octets, one)


def _body(octets: Octets, one: Packet) -> Octets:
    return packets.body(octets, one) if one.partial else memoryview(octets)[one.body_start : one.end]


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: Octets, max_length: int, /) -> bytes: ...


def _decompressed(body: Octets, room: _Room) -> Octets:
    """RFC 9580 section 9.4: uncompressed, ZIP (RFC 1951), ZLIB (RFC 1950), BZip2."""
    inflate: _Decompressor
    match bytes(body[:1]):
        case b"\0":
            return body[1:]
        case b"\1":
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        case b"\2":
            inflate = zlib.decompressobj()
        case b"\3":
            inflate = bz2.BZ2Decompressor()
        case _:
            raise OpenPgpError("compressed in an unknown way")
    try:
        found = inflate.decompress(body[1:], room.left + 1)
    except (zlib.error, OSError, ValueError, EOFError) as error:
        raise OpenPgpError("compressed data that is damaged") from error
    if len(found) > room.left:
        raise _TooLarge("more than may be")
    if not inflate.eof:  # Sequoia pads behind the end: no reader takes that for content
        raise OpenPgpError("compressed data that is cut off")
    room.left -= len(found)
    return found


def _message(found: list[tuple[int, Octets]]) -> SignedMessage:
    if any(tag in packets.ENCRYPTED for tag, _ in found):
        raise _Nested("encrypted once more")
    tags = [tag for tag, _ in found]
    count = tags.count(packets.SIGNATURE)
    if count > MOST_SIGNATURES or tags not in (
        [ONE_PASS] * count + [LITERAL] + [packets.SIGNATURE] * count,
        [packets.SIGNATURE] * count + [LITERAL],
    ):
        raise OpenPgpError("not one literal packet and its signatures")
    (literal,) = (body for tag, body in found if tag == LITERAL)
    return SignedMessage(_content(literal), tuple(bytes(body) for tag, body in found if tag == packets.SIGNATURE))


def _content(literal: Octets) -> bytes:
    """Behind the format, a file name and a date (section 5.9): nobody signed these."""
    if len(literal) < 2 or literal[0] not in _LITERAL_FORMATS or len(literal) < literal[1] + 6:
        raise OpenPgpError("a literal packet that is cut off")
    return bytes(literal[literal[1] + 6 :])
