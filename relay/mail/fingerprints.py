"""Fingerprints of key packets (RFC 9580 section 5.5.4), of version 5 as GnuPG 2.4 makes them, and of version 3."""

from __future__ import annotations

import hashlib


def fingerprint(body: bytes) -> str:
    """Of a key packet's body, in upper-case hexadecimal; an unknown version's is made as that of version 4."""
    match body[:1]:
        case b"\x02" | b"\x03":
            return hashlib.md5(_numbers(body[8:]), usedforsecurity=False).hexdigest().upper()
        case b"\x05":
            return hashlib.sha256(b"\x9a" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
        case b"\x06":
            return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()
        case _:
            hashed = b"\x99" + (len(body) & 0xFFFF).to_bytes(2, "big") + body
            return hashlib.sha1(hashed, usedforsecurity=False).hexdigest().upper()


def _numbers(multiprecision_integers: bytes) -> bytes:
    """Their octets without their lengths: modulus and exponent of an RSA key."""
    rest, found = multiprecision_integers, b""
    while len(rest) > 2:
        size = (int.from_bytes(rest[:2], "big") + 7) // 8
        found, rest = found + rest[2 : 2 + size], rest[2 + size :]
    return found
