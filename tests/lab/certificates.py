"""Real OpenPGP certificates in bulk, and the surgery that makes them odd.

`make_certificates(10_000)` takes about four seconds: Sequoia makes the keys in this process, Ed25519 with a
Curve25519 encryption subkey, as people's software does today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import pysequoia

from relay.mail import packets

SIGNATURE, PUBLIC_KEY, USER_ID, PUBLIC_SUBKEY = 2, 6, 13, 14


@dataclass(frozen=True)
class Keypair:
    """A certificate, its secret half, and a revocation of it."""

    public: bytes
    secret: bytes
    revocation: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def make_keypair(*user_ids: str, suite: pysequoia.CipherSuite | None = None) -> Keypair:
    """One key with these user ids."""
    key = pysequoia.Tsk.generate(user_ids=list(user_ids), cipher_suite=suite or pysequoia.CipherSuite.Cv25519)
    public = key.extract_certificate()
    return Keypair(bytes(public), bytes(key), bytes(public.revoke(key.certifier())))


def make_certificates(count: int, domain: str = "example.org") -> list[bytes]:
    """Binary certificates for `person0@…` and on; their bytes differ from run to run, their number does not."""
    return [
        bytes(pysequoia.Tsk.generate(f"Person {i} <person{i}@{domain}>").extract_certificate()) for i in range(count)
    ]


def fingerprint(certificate: bytes) -> str:
    """Of a version 4 certificate (RFC 9580 section 5.5.4.2)."""
    body = packets.body(certificate, next(packets.walk(certificate)))
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).hexdigest().upper()


def split(data: bytes) -> list[tuple[int, bytes]]:
    """The packets, each with its tag and its octets."""
    return [(packet.tag, data[packet.start : packet.end]) for packet in packets.walk(data)]


def join(parts: Iterable[tuple[int, bytes]]) -> bytes:
    """The opposite."""
    return b"".join(octets for _, octets in parts)
