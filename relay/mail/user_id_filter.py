"""A certificate cut down to the user ids with certain addresses (RFC 9580 section 10.1).

Whoever may publish a key for one address says nothing about another by it: anybody can write anybody's address
into a user id of their own key. So what a source brings counts for the address it was asked for.

Kept are the primary key, the subkeys, the user ids with those addresses, and their signatures; user attributes, other
user ids and what belongs to them are left out. Packets come out in canonical order: a key revocation counts wherever
it stood. Nothing is verified here. Raises `OpenPgpError` for what is no packets; pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator

from relay.mail import packets, user_id
from relay.model import Address

SIGNATURE, USER_ID, SUBKEY, USER_ATTRIBUTE = 2, 13, 14, 17

_PASSED_OVER = frozenset({packets.MARKER, 12, packets.PADDING})  # 12: trust
_DIRECT_KEY, _KEY_REVOCATION = 0x1F, 0x20
_USER_IDS = frozenset({USER_ID})
_WITH_ATTRIBUTES = frozenset({USER_ID, USER_ATTRIBUTE})
_ISSUER, _ISSUER_FINGERPRINT = 16, 33

Sections = dict[tuple[int, bytes], dict[bytes, None]]
"""Of one certificate: a key or user id (tag and body) and its signatures' packets, each once, in order."""


def self_signed(certificate: bytes) -> Sections:
    """All of it but other people's signatures, and the user ids and attributes that its own key did not sign.

    These self-signatures may say of the whole key that it expires, whichever user id they stand behind.
    """
    kept: Sections = {}
    own = b""
    for head, signatures in _sections(certificate, lambda _: True, _WITH_ATTRIBUTES).items():
        own = own or _key_id(head[1])
        if head[0] in _WITH_ATTRIBUTES:
            signatures = {one: None for one in signatures if own in _issuers(one)}  # noqa: PLW2901  those that count
        if signatures or head[0] not in _WITH_ATTRIBUTES:
            kept[head] = signatures
    return kept


def narrowed(certificate: bytes, addresses: Collection[Address]) -> bytes:
    """The certificate with the user ids of these addresses alone; perhaps with none."""
    return joined(sections(certificate, addresses))


def sections(certificate: bytes, addresses: Collection[Address]) -> Sections:
    """What is kept of it, the primary key first."""
    return _sections(certificate, lambda body: user_id.address(user_id.decode(body)) in addresses, _USER_IDS)


def _sections(certificate: bytes, wanted: Callable[[bytes], bool], tags: frozenset[int]) -> Sections:
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
        elif packet.tag == SUBKEY or (packet.tag in tags and wanted(body)):
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


def _key_id(body: bytes) -> bytes:
    """Of a primary key, version 4 or 6 (RFC 9580 section 5.5.4); empty for another."""
    match body[:1]:
        case b"\x04":
            framed = b"\x99" + len(body).to_bytes(2, "big") + body
            return hashlib.sha1(framed, usedforsecurity=False).digest()[-8:]
        case b"\x06":
            return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).digest()[:8]
        case _:
            return b""


def _issuers(signature: bytes) -> set[bytes]:
    """The key ids that a signature packet names as its issuer's (sections 5.2.3.12 and 5.2.3.35)."""
    packet = next(packets.walk(signature))
    body = signature[packet.body_start : packet.end]
    if body[:1] == b"\x03":
        return {body[7:15]}
    width = {b"\x04": 2, b"\x06": 4}.get(body[:1])
    if width is None:
        return set()
    hashed = int.from_bytes(body[4 : 4 + width], "big")
    at = 4 + width + hashed
    unhashed = int.from_bytes(body[at : at + width], "big")
    areas = body[4 + width : at], body[at + width : at + width + unhashed]
    return {issuer for area in areas for issuer in _named(area)}


def _named(area: bytes) -> Iterator[bytes]:
    """The issuers that subpackets name (section 5.2.3.7); what does not frame rightly ends the area."""
    at = 0
    while at < len(area):
        size, width = area[at], 1
        if size >= 192:
            width = 5 if size == 255 else 2
            size = (
                int.from_bytes(area[at + 1 : at + 5], "big")
                if size == 255
                else ((size - 192) << 8) + int.from_bytes(area[at + 1 : at + 2], "big") + 192
            )
        subpacket = area[at + width : at + width + size]
        at += width + size
        if not size:
            return
        match subpacket[0] & 0x7F, subpacket[1:2]:
            case (16, _):
                yield subpacket[1:9]
            case (33, b"\x04"):
                yield subpacket[-8:]
            case (33, b"\x06"):
                yield subpacket[2:10]
            case _:
                pass


def _packet(tag: int, body: bytes) -> bytes:
    """With a header of the new format and a length of four octets, which every reader takes."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body
