"""OpenPGP packet framing (RFC 9580 section 4.2): where packets begin and end, not what is in them.

`walk` reads old and new headers, partial and indeterminate lengths. Each octet of a header is read once; bodies are
not read or copied. The cost is bounded by `most` packets and, in a packet of partial lengths, by `MIN_PARTIAL`:
each partial length covers at least so many octets. Raises `OpenPgpError` for data that is cut off, is not OpenPGP
or exceeds a bound (`TooManyPackets` where it is the number), and `SecretKeyFound` where a keyring holds a secret key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from relay.model.errors import OpenPgpError, SecretKeyFound, TooManyPackets

PKESK = 1
SIGNATURE = 2
SKESK = 3
SECRET_KEY = 5
PUBLIC_KEY = 6
SECRET_SUBKEY = 7
SED = 9
MARKER = 10
TRUST = 12
USER_ID = 13
PUBLIC_SUBKEY = 14
USER_ATTRIBUTE = 17
SEIPD = 18
AEAD = 20
PADDING = 21

ENCRYPTED = frozenset({SED, SEIPD, AEAD})
DATA_PACKETS = ENCRYPTED | {8, 11}
"""Encrypted, compressed and literal data: only these may have partial or indeterminate lengths (section 4.2.1.4)."""

MOST_PACKETS = 100_000
MIN_PARTIAL = 512
"""Octets of a partial length. Section 4.2.1.4 demands it of the first; writers keep to it for all but the last."""

Octets = bytes | memoryview
Piece = tuple[int, int]
"""Where octets of a body begin, and how many they are."""


class Packet(NamedTuple):
    """One packet: `data[start:end]`, its body from `body_start`; `pieces` are those of a body with partial lengths."""

    tag: int
    start: int
    end: int
    body_start: int
    pieces: tuple[Piece, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether its body is in pieces."""
        return bool(self.pieces)


class _Length(NamedTuple):
    """A body length: `octets` follow from `at`; after a partial one comes another length."""

    at: int
    octets: int
    partial: bool


def walk(data: Octets, most: int = MOST_PACKETS) -> Iterator[Packet]:
    """The packets of `data` in their order; raises `TooManyPackets` after `most`."""
    position, size = 0, len(data)
    while position < size:
        if most <= 0:
            raise TooManyPackets("too many OpenPGP packets")
        most -= 1
        packet = _packet(data, position)
        yield packet
        position = packet.end


def body(data: Octets, packet: Packet) -> bytes:
    """The packet's body, its pieces joined."""
    if not packet.pieces:
        return bytes(data[packet.body_start : packet.end])
    view = memoryview(data)
    return b"".join(view[at : at + octets] for at, octets in packet.pieces)


def certificates(data: Octets, most: int = MOST_PACKETS) -> Iterator[list[Packet]]:
    """The packets of each transferable public key in a keyring (section 10.1), from its primary key on.

    Marker and padding packets may stand before the first. Raises `OpenPgpError` where another packet does, or where
    there is no public key.
    """
    group: list[Packet] = []
    for packet in walk(data, most):
        if packet.tag in {SECRET_KEY, SECRET_SUBKEY}:
            raise SecretKeyFound("this holds a secret key: export the public key alone")
        if packet.tag == PUBLIC_KEY and group:
            yield group
            group = []
        if group or packet.tag == PUBLIC_KEY:
            group.append(packet)
        elif packet.tag not in {MARKER, PADDING}:
            raise OpenPgpError("this is OpenPGP data, but does not begin with a public key")
    if not group:
        raise OpenPgpError("this holds no public key")
    yield group


def split_certificates(data: bytes, most: int = MOST_PACKETS) -> list[bytes]:
    """The octets of each transferable public key in a keyring; raises as `certificates`."""
    return [data[group[0].start : group[-1].end] for group in certificates(data, most)]


def pkesk_key_id(body: Octets) -> str:
    """The 64-bit key id that a PKESK names (section 5.1), 16 upper-case digits; zeros for a hidden recipient.

    Version 6 names a fingerprint: its key id is the first 8 octets of a version 6, the last of a version 4 one.
    """
    octets = bytes(body[:35])
    if len(octets) >= 10 and octets[0] == 3:
        return octets[1:9].hex().upper()
    if len(octets) >= 3 and octets[:2] == b"\x06\x00":
        return "0" * 16
    if len(octets) >= 23 and octets[:3] == b"\x06\x15\x04":
        return octets[15:23].hex().upper()
    if len(octets) == 35 and octets[:3] == b"\x06\x21\x06":
        return octets[3:11].hex().upper()
    raise OpenPgpError("a session key packet of an unknown version")


def packet(tag: int, body: bytes) -> bytes:
    """A packet with a header of the new format and a length of four octets, which every reader takes."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body


def _packet(data: Octets, start: int) -> Packet:
    first = data[start]
    if not first & 0x80:
        raise OpenPgpError("this is no OpenPGP data")
    new = bool(first & 0x40)
    tag = first & 0x3F if new else (first >> 2) & 0x0F
    if tag == 0:
        raise OpenPgpError("packet type 0 is reserved")
    length = _new_length(data, start + 1) if new else _old_length(data, start + 1, first & 0x03, tag)
    if length.partial:
        return _in_pieces(data, tag, start, length)
    end = length.at + length.octets
    if end > len(data):
        raise OpenPgpError("the OpenPGP data is cut off")
    return Packet(tag, start, end, length.at)


def _in_pieces(data: Octets, tag: int, start: int, first: _Length) -> Packet:
    if tag not in DATA_PACKETS:
        raise OpenPgpError("a partial length where none may be")
    pieces = [(first.at, first.octets)]
    length = first
    while length.partial:
        if length.octets < MIN_PARTIAL:
            raise OpenPgpError("a partial length that is too short")
        length = _new_length(data, length.at + length.octets)
        pieces.append((length.at, length.octets))
    end = length.at + length.octets
    if end > len(data):
        raise OpenPgpError("the OpenPGP data is cut off")
    return Packet(tag, start, end, first.at, tuple(pieces))


def _new_length(data: Octets, at: int) -> _Length:
    try:
        first = data[at]
        if first < 192:
            return _Length(at + 1, first, partial=False)
        if first < 224:
            return _Length(at + 2, ((first - 192) << 8) + data[at + 1] + 192, partial=False)
        if first < 255:
            return _Length(at + 1, 1 << (first & 0x1F), partial=True)
    except IndexError as error:
        raise OpenPgpError("the OpenPGP data is cut off") from error
    return _fixed_length(data, at + 1, 4)


def _old_length(data: Octets, at: int, length_type: int, tag: int) -> _Length:
    if length_type < 3:
        return _fixed_length(data, at, 1 << length_type)
    if tag not in DATA_PACKETS:
        raise OpenPgpError("an indeterminate length where none may be")
    return _Length(at, len(data) - at, partial=False)


def _fixed_length(data: Octets, at: int, octets: int) -> _Length:
    field = bytes(data[at : at + octets])
    if len(field) < octets:
        raise OpenPgpError("the OpenPGP data is cut off")
    return _Length(at + octets, int.from_bytes(field, "big"), partial=False)
