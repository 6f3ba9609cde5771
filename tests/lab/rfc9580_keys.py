"""A version 4 key with the algorithms that RFC 9580 brought, Ed25519 (27) and X25519 (25).

GnuPG 2.2 and the `sq` of Debian 12 make none, nor does pysequoia, whose keys with them are of version 6.

Packets of sections 5.2.3, 5.5.2, 5.5.3 and 10.1, without a passphrase.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lab.certificates import Keypair
from lab.shared import fingerprint

SECRET_KEY, SECRET_SUBKEY, SIGNATURE, USER_ID, PUBLIC_KEY, PUBLIC_SUBKEY = 5, 7, 2, 13, 6, 14
X25519, ED25519, EDDSA, SHA512 = 25, 27, 22, 10
CURVE = bytes.fromhex("2b06010401da470f01")
"""Ed25519's, of section 9.2."""
CERTIFICATION, BINDING = 0x13, 0x18
CERTIFIES_AND_SIGNS, ENCRYPTS = 0x03, 0x0C


@dataclass(frozen=True)
class _Key:
    algorithm: int
    private: Ed25519PrivateKey | X25519PrivateKey
    created: int

    @property
    def body(self) -> bytes:
        """Of its public packet."""
        public = self.private.public_key().public_bytes_raw()
        if self.algorithm == EDDSA:
            public = bytes([len(CURVE)]) + CURVE + _mpi(b"\x40" + public)
        return b"\x04" + self.created.to_bytes(4, "big") + bytes([self.algorithm]) + public

    @property
    def secret_body(self) -> bytes:
        octets = self.private.private_bytes_raw()
        octets = _mpi(octets) if self.algorithm == EDDSA else octets
        return self.body + b"\0" + octets + (sum(octets) & 0xFFFF).to_bytes(2, "big")

    @property
    def hashed(self) -> bytes:
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body


def make_rfc9580_keypair(user_id: str, primary_algorithm: int = ED25519) -> Keypair:
    """As `make_keypair`, without a revocation; with `EDDSA` the subkey alone is modern."""
    now = int(time.time()) - 60
    signing = Ed25519PrivateKey.generate()
    primary, subkey = _Key(primary_algorithm, signing, now), _Key(X25519, X25519PrivateKey.generate(), now)
    named = user_id.encode()
    certified = primary.hashed + b"\xb4" + len(named).to_bytes(4, "big") + named
    certification = _signature(signing, primary, CERTIFICATION, CERTIFIES_AND_SIGNS, certified)
    binding = _signature(signing, primary, BINDING, ENCRYPTS, primary.hashed + subkey.hashed)

    def key(*, secret: bool) -> bytes:
        first, second = (SECRET_KEY, SECRET_SUBKEY) if secret else (PUBLIC_KEY, PUBLIC_SUBKEY)
        bodies = [(k.secret_body if secret else k.body) for k in (primary, subkey)]
        return b"".join(
            (
                _packet(first, bodies[0]),
                _packet(USER_ID, named),
                _packet(SIGNATURE, certification),
                _packet(second, bodies[1]),
                _packet(SIGNATURE, binding),
            )
        )

    return Keypair(key(secret=False), key(secret=True), b"")


def _signature(private: Ed25519PrivateKey, primary: _Key, kind: int, flags: int, over: bytes) -> bytes:
    issuer = bytes.fromhex(fingerprint(primary.body))
    subpackets = b"".join(
        _subpacket(number, octets)
        for number, octets in (
            (2, primary.created.to_bytes(4, "big")),
            (27, bytes([flags])),
            (33, b"\x04" + issuer),
            (11, bytes([9, 7])),  # AES-256, AES-128
            (30, b"\x01"),  # SEIPDv1
        )
    )
    head = bytes([4, kind, primary.algorithm, SHA512]) + len(subpackets).to_bytes(2, "big") + subpackets
    digest = hashlib.sha512(over + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
    unhashed = _subpacket(16, issuer[-8:])
    made = private.sign(digest)
    if primary.algorithm == EDDSA:
        made = _mpi(made[:32]) + _mpi(made[32:])
    return head + len(unhashed).to_bytes(2, "big") + unhashed + digest[:2] + made


def _mpi(octets: bytes) -> bytes:
    number = int.from_bytes(octets, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _subpacket(number: int, octets: bytes) -> bytes:
    return bytes([len(octets) + 1, number]) + octets


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body
