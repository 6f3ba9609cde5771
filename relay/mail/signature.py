"""An OpenPGP signature packet's body, as far as its fields can be read without verifying it (RFC 9580 section 5.2).

This is what the signature claims; the OpenPGP software verifies it. Only the hashed area counts, except for the issuer,
which a wrong value only keeps from being found. `read` returns None for a version or a form that it does not know, and
raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

_CREATED, _EXPIRES, _KEY_EXPIRES, _FLAGS = 2, 3, 9, 27
_REVOKER, _ISSUER, _FEATURES, _ISSUER_FINGERPRINT, _INTENDED = 12, 16, 30, 33, 35
"""Subpacket types (section 5.2.3.7)."""
_AREA_LENGTH = {4: 2, 6: 4}
"""Octets of an area's length, by version."""


class Kind(IntEnum):
    """The signature types that belong to a certificate (section 5.2.1)."""

    GENERIC = 0x10
    PERSONA = 0x11
    CASUAL = 0x12
    POSITIVE = 0x13
    BINDING = 0x18
    DIRECT_KEY = 0x1F
    KEY_REVOCATION = 0x20
    SUBKEY_REVOCATION = 0x28
    CERTIFICATION_REVOCATION = 0x30


CERTIFICATIONS = frozenset({Kind.GENERIC, Kind.PERSONA, Kind.CASUAL, Kind.POSITIVE})


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says of itself; times in seconds."""

    kind: int
    hash: int
    """The hash algorithm's number (section 9.5)."""
    created: int = 0
    lasts: int = 0
    """Seconds from `created` on; 0: for ever."""
    issuers: frozenset[str] = frozenset()
    """Fingerprints and key ids, in upper-case hexadecimal."""
    revokers: frozenset[str] = frozenset()
    """Fingerprints of keys that may revoke in this one's place."""
    features: int | None = None
    """The first octet of the Features subpacket (section 5.2.3.32)."""
    intended: tuple[str, ...] = ()
    """Fingerprints of its intended recipients (section 5.2.3.36)."""
    key_lasts: int = 0
    """Seconds from the key's creation on after which the key ends; 0: never."""
    flags: int | None = None
    """The first octet of the Key Flags subpacket (section 5.2.3.29)."""

    @property
    def key_id(self) -> str:
        """That of the issuer, by its fingerprint where it names one; empty: it names none."""
        longest = max(self.issuers, key=lambda name: (len(name), name), default="")
        return longest[:16] if len(longest) == 64 else longest[-16:]

    def counts(self, at: float) -> bool:
        """Whether its time has come at that time, and is not over."""
        return self.created <= at and not (self.lasts and self.created + self.lasts <= at)

    def by(self, fingerprint: str) -> bool:
        """Whether it names that version 4 or 6 key as its issuer."""
        key_id = fingerprint[:16] if len(fingerprint) == 64 else fingerprint[-16:]
        return not self.issuers.isdisjoint({fingerprint, key_id})


def read(body: bytes) -> Signature | None:
    """The signature in this packet body."""
    match body[:1]:
        case b"\x02" | b"\x03":
            return _read_3(body)
        case b"\x04" | b"\x06" if areas := _areas(body):
            return _read_4(body, *areas)
        case _:
            return None


def value(body: bytes) -> bytes:
    """What follows the subpackets: the start of the digest and the signature's numbers; all of it where none do."""
    areas = _areas(body)
    return body if areas is None else body[areas[1] :]


def _areas(body: bytes) -> tuple[int, int] | None:
    """Where the hashed area and where the unhashed one ends; None for another version, or one that is cut off."""
    length = _AREA_LENGTH.get(next(iter(body), 0))
    if length is None:
        return None
    hashed = 4 + length + int.from_bytes(body[4 : 4 + length], "big")
    unhashed = hashed + length + int.from_bytes(body[hashed : hashed + length], "big")
    return (hashed, unhashed) if hashed + length <= len(body) and unhashed <= len(body) else None


def _read_3(body: bytes) -> Signature | None:
    if len(body) < 17:
        return None
    issuer = body[7:15].hex().upper()
    return Signature(body[2], body[16], int.from_bytes(body[3:7], "big"), issuers=frozenset({issuer}))


def _read_4(body: bytes, end: int, unhashed: int) -> Signature:
    length = _AREA_LENGTH[body[0]]
    hashed = list(_subpackets(body[4 + length : end]))
    known = dict(hashed)  # of several the last one counts, as in GnuPG
    return Signature(
        kind=body[1],
        hash=body[3],
        created=int.from_bytes(known.get(_CREATED, b""), "big"),
        lasts=int.from_bytes(known.get(_EXPIRES, b""), "big"),
        issuers=frozenset(_issuers([*hashed, *_subpackets(body[end + length : unhashed])])),
        revokers=frozenset(content[2:].hex().upper() for kind, content in hashed if kind == _REVOKER),
        features=known[_FEATURES][0] if known.get(_FEATURES) else None,
        key_lasts=int.from_bytes(known.get(_KEY_EXPIRES, b""), "big"),
        flags=known[_FLAGS][0] if known.get(_FLAGS) else None,
        intended=tuple(content[1:].hex().upper() for kind, content in hashed if kind == _INTENDED),
    )


def _issuers(subpackets: list[tuple[int, bytes]]) -> Iterator[str]:
    for kind, content in subpackets:
        if kind == _ISSUER:
            yield content.hex().upper()
        elif kind == _ISSUER_FINGERPRINT:
            yield content[1:].hex().upper()


def _subpackets(area: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each, up to the first that is cut off (section 5.2.3.7)."""
    at = 0
    while at < len(area):
        first, at = area[at], at + 1
        if first == 255:
            size, at = int.from_bytes(area[at : at + 4], "big"), at + 4
        elif first >= 192:
            size, at = ((first - 192) << 8) + int.from_bytes(area[at : at + 1], "big") + 192, at + 1
        else:
            size = first
        if not 0 < size <= len(area) - at:
            return
        yield area[at] & 0x7F, area[at + 1 : at + size]
        at += size
