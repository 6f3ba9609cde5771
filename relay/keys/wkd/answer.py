"""What of an answer counts for the queried address: its certificates, cut down to the user ids with it.

A certificate keeps its primary key, its subkeys, the user ids with the address, and their signatures; user
attributes, other user ids and what belongs to them are left out (draft-koch-openpgp-webkey-service section 5).
Several states of one certificate come out as one. Packets come out in canonical order (RFC 9580 section 10.1):
a key revocation counts wherever it stood. Nothing is verified here.

The cost is bounded by the answer's size and by the limits below. Raises `Failed` with `NO_CERTIFICATE` for
what is none, with `TOO_MANY` above a limit; pure.
"""

from __future__ import annotations

from itertools import islice

from relay.errors import OpenPgpError
from relay.keys.wkd.reason import Failed, Reason
from relay.mail import armor, packets, userid
from relay.model import Address

MAX_PACKETS = 50_000
MAX_KEPT = 2_000  # packets handed on: each may cost the examiner the check of a signature
MAX_CERTIFICATES = 64

_SIGNATURE, _USER_ID, _SUBKEY = 2, 13, 14
_PASSED_OVER = frozenset({packets.MARKER, 12, packets.PADDING})  # 12: trust
_DIRECT_KEY, _KEY_REVOCATION = 0x1F, 0x20
_ARMOR = b"-----BEGIN PGP "

_HEADER = 6
"""Octets before the body in what `_packet` writes."""

_Sections = dict[tuple[int, bytes], dict[bytes, None]]
"""Of one certificate: a key or user id (tag and body) and its signatures' packets, each once, in order."""


def certificates(answer: bytes, address: Address) -> list[bytes]:
    """Binary transferable public keys, each with at least one user id with that address."""
    try:
        kept = _kept(_binary(answer), address)
    except OpenPgpError as error:
        raise Failed(Reason.NO_CERTIFICATE) from error
    if len(kept) > MAX_CERTIFICATES or sum(_size(sections) for sections in kept) > MAX_KEPT:
        raise Failed(Reason.TOO_MANY)
    return [_joined(sections) for sections in kept]


def version(certificate: bytes) -> int:
    """Of the primary key in one of `certificates`."""
    return certificate[_HEADER]


def _binary(answer: bytes) -> bytes:
    if not answer.lstrip().startswith(_ARMOR):
        return answer
    return b"".join(block.data for block in armor.dearmor(answer) if block.kind == "PUBLIC KEY BLOCK")


def _kept(data: bytes, address: Address) -> list[_Sections]:
    if sum(1 for _ in islice(packets.walk(data), MAX_PACKETS + 1)) > MAX_PACKETS:
        raise Failed(Reason.TOO_MANY)
    found: dict[tuple[int, bytes], _Sections] = {}
    for certificate in packets.split_certificates(data):
        sections = _sections(certificate, address)
        primary = next(iter(sections))
        states = found.setdefault(primary, {})
        for head, signatures in sections.items():
            states.setdefault(head, {}).update(signatures)
    return [sections for sections in found.values() if any(tag == _USER_ID for tag, _ in sections)]


def _sections(certificate: bytes, address: Address) -> _Sections:
    sections: _Sections = {}
    primary: dict[bytes, None] = {}
    current: dict[bytes, None] | None = None
    for packet in packets.walk(certificate):
        body = certificate[packet.body_start : packet.end]
        if packet.tag == _SIGNATURE:
            owner = primary if _signature_type(body) in {_DIRECT_KEY, _KEY_REVOCATION} else current
            if owner is not None:
                owner[certificate[packet.start : packet.end]] = None
        elif packet.tag == packets.PUBLIC_KEY:
            current = sections[packet.tag, body] = primary
        elif packet.tag == _SUBKEY or (packet.tag == _USER_ID and userid.address(userid.decode(body)) == address):
            current = sections.setdefault((packet.tag, body), {})
        elif packet.tag not in _PASSED_OVER:
            current = None
    return sections


def _signature_type(body: bytes) -> int:
    """Version 3 has a length before it (RFC 9580 sections 5.2.2 and 5.2.3)."""
    return (body[2:3] if body[:1] in {b"\x02", b"\x03"} else body[1:2] or b"\xff")[0]


def _size(sections: _Sections) -> int:
    return len(sections) + sum(len(signatures) for signatures in sections.values())


def _joined(sections: _Sections) -> bytes:
    """Primary key, user ids, subkeys: the order of their tags."""
    ordered = sorted(sections.items(), key=lambda section: section[0][0])
    return b"".join(_packet(tag, body) + b"".join(signatures) for (tag, body), signatures in ordered)


def _packet(tag: int, body: bytes) -> bytes:
    """With a header of the new format and a length of four octets, which every reader takes."""
    return bytes((0xC0 | tag, 0xFF)) + len(body).to_bytes(4, "big") + body
