"""A certificate cut down to the user ids with certain addresses (RFC 9580 section 10.1).

Whoever may publish a key for one address says nothing about another by it: anybody can write anybody's address
into a user id of their own key. So what a source brings counts for the address it was asked for.

Kept are the primary key, the subkeys, the user ids with those addresses, and their signatures; user attributes, other
user ids and what belongs to them are left out. Packets come out in canonical order: a key revocation counts wherever
it stood. Nothing is verified here. Raises `OpenPgpError` for what is no packets; pure.
"""

from __future__ import annotations

from collections.abc import Collection

from relay.mail import packets, user_id
from relay.model import Address

SIGNATURE, USER_ID, SUBKEY = 2, 13, 14

_PASSED_OVER = frozenset({packets.MARKER, 12, packets.PADDING})  # 12: trust
_DIRECT_KEY, _KEY_REVOCATION = 0x1F, 0x20

Sections = dict[tuple[int, bytes], dict[bytes, None]]
"""Of one certificate: a key or user id (tag and body) and its signatures' packets, each once, in order."""


def narrowed(certificate: bytes, addresses: Collection[Address]) -> bytes:
    """The certificate with the user ids of these addresses alone; perhaps with none."""
    return joined(sections(certificate, addresses))


def sections(certificate: bytes, addresses: Collection[Address]) -> Sections:
    """What is kept of it, the primary key first."""
    kept: Sections = {}
    primary: dict[bytes, None] = {}
    current: dict[bytes, None] | None = None
    for packet in packets.walk(certificate):
        body = certificate[packet.body_start : packet.end]
        if packet.tag == SIGNATURE:
            owner = primary if _signature_type(body) in {_DIRECT_KEY, _KEY_REVOCATION} else current
            if owner is not None:
                owner[certificate[packet.start : packet.end]] = None
        elif packet.tag == packets.PUBLIC_KEY:
            current = kept[packet.tag, body] = primary
        elif packet.tag == SUBKEY or (packet.tag == USER_ID and user_id.address(user_id.decode(body)) in addresses):
            current = kept.setdefault((packet.tag, body), {})
        elif packet.tag not in _PASSED_OVER:
            current = None
    return kept


def joined(kept: Sections) -> bytes:
    """Primary key, user ids, subkeys: the order of their tags."""
    ordered = sorted(kept.items(), key=lambda section: section[0][0])
    return b"".join(_packet(tag, body) + b"".join(signatures) for (tag, body), signatures in ordered)


def _signature_type(body: bytes) -> int:
    """Version 3 has a length before it (RFC 9580 sections 5.2.2 and 5.2.3)."""
    return (body[2:3] if body[:1] in {b"\x02", b"\x03"} else body[1:2] or b"\xff")[0]


def _packet(tag: int, body: bytes) -> bytes:
    """With a header of the new format and a length of four octets, which every reader takes."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body
