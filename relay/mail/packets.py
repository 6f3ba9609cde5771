"""OpenPGP packet framing: where packets begin and end, never what they mean (RFC 9580 section 4.2).

`walk` follows old and new headers, partial and indeterminate lengths, without recursion, copies or a look
into bodies; its cost grows with the number of headers, which is bounded for partial lengths. Raises
`OpenPgpError` for everything that is truncated or no OpenPGP, and `SecretKeyFound` where a keyring holds a
secret key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from relay.model.errors import OpenPgpError, SecretKeyFound

PKESK = 1
SKESK = 3
SECRET_KEY = 5
PUBLIC_KEY = 6
SECRET_SUBKEY = 7
SED = 9
MARKER = 10
SEIPD = 18
AEAD = 20
PADDING = 21

ENCRYPTED = frozenset({SED, SEIPD, AEAD})
DATA_PACKETS = ENCRYPTED | {8, 11}
"""Encrypted, compressed and literal data: these alone may have partial or indeterminate lengths (4.2.1.4)."""

MAX_CHUNKS = 1 << 20  # 100 MB in the smallest first chunk an RFC allows make 200,000
MIN_FIRST_CHUNK = 512

Octets = bytes | memoryview


class Packet(NamedTuple):
    """One packet: `data[start:end]`, its (first chunk's) body from `body_start`."""

    tag: int
    start: int
    end: int
    body_start: int
    partial: bool


class _Length(NamedTuple):
    """A body length: how many octets follow `at`, and whether another length follows those."""

    at: int
    octets: int
    partial: bool


def walk(data: Octets) -> Iterator[Packet]:
    """The packets of `data`, first to last."""
    position, size = 0, len(data)
    while position < size:
        packet = _packet(data, position)
        yield packet
        position = packet.end


def body(data: Octets, packet: Packet) -> bytes:
    """The packet's body, its chunks joined."""
    if not packet.partial:
        return bytes(data[packet.body_start : packet.end])
    view = memoryview(data)
    return b"".join(view[chunk.at : chunk.at + chunk.octets] for chunk in _chunks(data, packet.start + 1))


def split_certificates(data: bytes) -> list[bytes]:
    """A keyring's transferable public keys (10.1), one each; what stands before the first is a fault."""
    starts: list[int] = []
    for packet in walk(data):
        if packet.tag in {SECRET_KEY, SECRET_SUBKEY}:
            raise SecretKeyFound("this holds a secret key: export the public key alone")
        if packet.tag == PUBLIC_KEY:
            starts.append(packet.start)
        elif not starts and packet.tag not in {MARKER, PADDING}:
            raise OpenPgpError("this is OpenPGP data, but does not begin with a public key")
    if not starts:
        raise OpenPgpError("this holds no public key")
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def pkesk_key_id(body: Octets) -> str:
    """The 64-bit key id a PKESK names (5.1), 16 upper-case digits; all zero for a hidden recipient.

    Version 6 names a whole fingerprint: its key id is the first half-line of a v6, the last of a v4 one.
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


def _packet(data: Octets, start: int) -> Packet:
    first = data[start]
    if not first & 0x80:
        raise OpenPgpError("this is no OpenPGP data")
    new = bool(first & 0x40)
    tag = first & 0x3F if new else (first >> 2) & 0x0F
    if tag == 0:
        raise OpenPgpError("packet type 0 is reserved")
    length = _new_length(data, start + 1) if new else _old_length(data, start + 1, first & 0x03, tag)
    end = length.at + length.octets
    if length.partial:
        if tag not in DATA_PACKETS or length.octets < MIN_FIRST_CHUNK:
            raise OpenPgpError("a partial length where none may be")
        for chunk in _chunks(data, start + 1):
            end = chunk.at + chunk.octets
    if end > len(data):
        raise OpenPgpError("the OpenPGP data is cut off")
    return Packet(tag, start, end, length.at, length.partial)


def _chunks(data: Octets, at: int) -> Iterator[_Length]:
    """The lengths of a packet with partial lengths; the last is an ordinary one."""
    for _ in range(MAX_CHUNKS):
        chunk = _new_length(data, at)
        yield chunk
        if not chunk.partial:
            return
        at = chunk.at + chunk.octets
    raise OpenPgpError("a packet of too many pieces")


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
