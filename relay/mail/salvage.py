"""What can be read of a certificate that is damaged or of an unknown kind: its primary key and its user ids.

A key that cannot be used is not "no key": mail to the addresses in it must not leave in cleartext. So the user ids are
looked for packet by packet as far as the framing holds, and behind that by their looks. The cost is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from relay.mail import packets
from relay.model import user_id
from relay.model.address import MAX_OCTETS
from relay.model.errors import OpenPgpError

MOST_KEPT = 256 << 10
"""Octets of user ids."""
MOST_BEFORE = 4096
"""Octets that may stand before a key that is found all the same."""
MOST_SEARCHED = 1 << 20
"""Octets behind a break of the framing."""
LARGEST_USER_ID = 1 << 10
"""Octets of one that is found by its looks."""
LARGEST_KEY = 1 << 14
"""Octets of a primary key whose packet is broken."""

_KEY_HEADERS = {0x98: 2, 0x99: 3, 0x9A: 5, 0xC6: 2}
"""First octets of a public key packet, and the header's length where the body is of ordinary size."""
_KEY_HEADER = re.compile(rb"[\x98-\x9a\xc6]")
_ALGORITHM = 5
"""Where it stands in a public key of version 4 and later."""
_VERSIONS = frozenset({4, 5, 6})
_ALGORITHMS = frozenset({1, 2, 3, 16, 17, 18, 19, 22, 25, 26, 27, 28})
_BEHIND_A_KEY = frozenset(
    {packets.SIGNATURE, packets.TRUST, packets.USER_ID, packets.PUBLIC_SUBKEY, packets.USER_ATTRIBUTE}
)
_USER_ID_HEADER = re.compile(rb"(?=[\xb4\xcd](.)|\xb5(..))", re.DOTALL)
"""One octet of length in the old and the new format, two in the old."""
_PRINTABLE = re.compile(rb"[\x20-\x7e]{3,}")


def beginning(octets: bytes) -> int | None:
    """Where a public key begins that has something else before it; None: nowhere near."""
    for header in _KEY_HEADER.finditer(octets[:MOST_BEFORE]):
        if _is_key(octets[header.start() :]):
            return header.start()
    return None


def _is_key(octets: bytes) -> bool:
    """Whether a public key packet with a version and an algorithm that exist is followed by what belongs behind one."""
    try:
        first, second = islice(packets.walk(octets), 2)
    except (OpenPgpError, ValueError):
        return False
    version, algorithm = octets[first.body_start], octets[first.body_start + _ALGORITHM]
    fits = version in _VERSIONS and algorithm in _ALGORITHMS and first.end - first.body_start > _ALGORITHM
    return fits and second.tag in _BEHIND_A_KEY


def bare(octets: bytes) -> bytes | None:
    """The primary key and the user ids that show an address, without signatures.

    None where none shows one, where no public key is at the beginning, and where there is a secret key.
    """
    if octets[:1] == b"" or octets[0] not in _KEY_HEADERS:
        return None
    primary, found, end = b"", list[bytes](), 0
    try:
        for packet in packets.walk(octets):
            if packet.tag in {packets.SECRET_KEY, packets.SECRET_SUBKEY}:
                return None
            if packet.tag == packets.PUBLIC_KEY and not primary:
                primary = packets.body(octets, packet)
            elif packet.tag == packets.USER_ID:
                found.append(packets.body(octets, packet))
            end = packet.end
    except OpenPgpError:
        found += _by_looks(octets[end : end + MOST_SEARCHED])
    shown = list(_showing(found))
    primary = primary or octets[_KEY_HEADERS[octets[0]] : LARGEST_KEY]
    user_ids = b"".join(packets.packet(packets.USER_ID, body) for body in shown)
    return packets.packet(packets.PUBLIC_KEY, primary) + user_ids if shown else None


def _showing(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Those in which a reader sees an address, as many as are kept."""
    left = MOST_KEPT
    for body in dict.fromkeys(bodies):
        left -= len(body)
        if left >= 0 and user_id.addresses(user_id.decode(body)):
            yield body


def _by_looks(octets: bytes) -> Iterator[bytes]:
    for header in _USER_ID_HEADER.finditer(octets):
        field = header[1] or header[2]
        start, size = header.start() + 1 + len(field), int.from_bytes(field, "big")
        body = octets[start : start + size]
        if size <= LARGEST_USER_ID and b"@" in body and _is_text(body):
            yield body
    for text in _PRINTABLE.finditer(octets):
        for at in re.finditer(b"@", text[0]):
            yield text[0][max(0, at.start() - MAX_OCTETS) : at.end() + MAX_OCTETS]


def _is_text(body: bytes) -> bool:
    try:
        return body.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False
