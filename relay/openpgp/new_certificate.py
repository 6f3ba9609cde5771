"""A new certificate for an own address, in 1 ms: keys and self-signatures (RFC 9580 sections 5.2, 5.5 and 10.1).

The same three keys as `relay.openpgp.own` has GnuPG make: a primary key that only certifies, a signing subkey, and an
encryption subkey with an end; Ed25519 and Curve25519 of version 4, which every reader knows. pysequoia makes
certificates too, but none whose subkey ends before the rest. The primitives are
pyca/cryptography's; the tests have GnuPG and Sequoia read what comes out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.mail.packets import packet
from relay.mail.signature import Kind
from relay.openpgp.ecdh import CURVE25519, ECDH, NATIVE
from relay.openpgp.keygrip import keygrip
from relay.openpgp.secret_parts import Curve

_ED25519 = bytes.fromhex("092b06010401da470f01")
_EDDSA = 22
_SHA512 = 10
_KDF = bytes((3, 1, 8, 9))
"""SHA-256 and AES-256 wrap session keys."""
_CREATED, _KEY_ENDS, _CIPHERS, _DIGESTS, _ISSUER, _KEY_SERVER = 2, 9, 11, 21, 16, 23
_PRIMARY, _FLAGS, _FEATURES, _EMBEDDED, _ISSUER_FINGERPRINT = 25, 27, 30, 32, 33
_CERTIFIES, _SIGNS, _ENCRYPTS = b"\x01", b"\x02", b"\x0c"
_BACK = 0x19
"""By a signing subkey over the primary key (section 5.2.1.9)."""

Subpackets = dict[int, bytes]


@dataclass(frozen=True, slots=True)
class SecretPart:
    """What is kept of one key."""

    keygrip: str
    curve: Curve
    public: bytes
    """The point, with the octet in front of it."""
    secret: bytes
    """In the order of OpenPGP."""


@dataclass(frozen=True, slots=True)
class NewCertificate:
    """Its public part, and what has to be kept."""

    data: bytes
    fingerprint: str
    encryption: bytes
    """The body of its encryption subkey's packet."""
    secrets: tuple[SecretPart, ...]
    """The encryption subkey's last."""
    revocation: bytes
    """A signature packet that revokes all of it."""


@dataclass(frozen=True, slots=True)
class _Signer:
    """An Ed25519 key."""

    private: Ed25519PrivateKey
    body: bytes
    made: int

    @classmethod
    def new(cls, made: int) -> _Signer:
        private = Ed25519PrivateKey.generate()
        point = _mpi(bytes([NATIVE]) + private.public_key().public_bytes_raw())
        return cls(private, _head(made, _EDDSA) + _ED25519 + point, made)

    @property
    def part(self) -> SecretPart:
        public, secret = self.private.public_key().public_bytes_raw(), self.private.private_bytes_raw()
        return SecretPart(keygrip("Ed25519", public), Curve.ED25519, bytes([NATIVE]) + public, secret)

    def sign(self, kind: int, over: bytes, said: Subpackets) -> bytes:
        """A signature packet's body, at the time when the key was made."""
        issuer = bytes.fromhex(fingerprint(self.body))
        said = {_ISSUER_FINGERPRINT: b"\x04" + issuer, _CREATED: self.made.to_bytes(4, "big")} | said
        area = b"".join(_subpacket(number, octets) for number, octets in said.items())
        head = bytes((4, kind, _EDDSA, _SHA512)) + len(area).to_bytes(2, "big") + area
        digest = hashlib.sha512(over + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
        unhashed = _subpacket(_ISSUER, issuer[-8:])
        made = self.private.sign(digest)
        return head + len(unhashed).to_bytes(2, "big") + unhashed + digest[:2] + _mpi(made[:32]) + _mpi(made[32:])


def make(user_id: str, now: int, valid: int) -> NewCertificate:
    """A new certificate for that user id; its encryption subkey ends in `valid` seconds."""
    primary, signing = _Signer.new(now), _Signer.new(now)
    encryption, kept = _encryption(now)
    name = user_id.encode("utf-8", "surrogateescape")
    whole = _hashed(primary.body)
    named = whole + b"\xb4" + len(name).to_bytes(4, "big") + name
    certification = primary.sign(Kind.POSITIVE, named, _PREFERENCES)
    back = signing.sign(_BACK, whole + _hashed(signing.body), {})
    signs = primary.sign(Kind.BINDING, whole + _hashed(signing.body), {_FLAGS: _SIGNS, _EMBEDDED: back})
    ends = {_FLAGS: _ENCRYPTS, _KEY_ENDS: valid.to_bytes(4, "big")}
    encrypts = primary.sign(Kind.BINDING, whole + _hashed(encryption), ends)
    bodies = [(packets.PUBLIC_KEY, primary.body), (packets.USER_ID, name), (packets.SIGNATURE, certification)]
    bodies += [(packets.PUBLIC_SUBKEY, signing.body), (packets.SIGNATURE, signs)]
    bodies += [(packets.PUBLIC_SUBKEY, encryption), (packets.SIGNATURE, encrypts)]
    return NewCertificate(
        data=b"".join(packet(tag, body) for tag, body in bodies),
        fingerprint=fingerprint(primary.body),
        encryption=encryption,
        secrets=(primary.part, signing.part, kept),
        revocation=packet(packets.SIGNATURE, primary.sign(Kind.KEY_REVOCATION, whole, {})),
    )


_PREFERENCES: Subpackets = {
    _FLAGS: _CERTIFIES,
    _CIPHERS: bytes((9, 8, 7)),
    _DIGESTS: bytes((10, 9, 8)),
    _FEATURES: b"\x01",  # SEIPD version 1, which GnuPG 2.2 writes and reads
    _KEY_SERVER: b"\x80",
    _PRIMARY: b"\x01",
}
"""As GnuPG's (section 5.2.3): AES, SHA-2, integrity protection."""


def _encryption(now: int) -> tuple[bytes, SecretPart]:
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    scalar = bytearray(private.private_bytes_raw())
    scalar[0] &= 0xF8  # RFC 7748 section 5: GnuPG takes the number as it is
    scalar[31] = scalar[31] & 0x7F | 0x40
    point = bytes([NATIVE]) + public
    body = _head(now, ECDH) + CURVE25519 + _mpi(point) + _KDF
    return body, SecretPart(keygrip("Curve25519", public), Curve.CURVE25519, point, bytes(reversed(scalar)))


def _head(made: int, algorithm: int) -> bytes:
    return b"\x04" + made.to_bytes(4, "big") + bytes([algorithm])


def _hashed(body: bytes) -> bytes:
    """A key as it is hashed into signatures (section 5.2.4)."""
    return b"\x99" + len(body).to_bytes(2, "big") + body


def _mpi(octets: bytes) -> bytes:
    number = int.from_bytes(octets, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _subpacket(number: int, octets: bytes) -> bytes:
    length = len(octets) + 1
    size = bytes([length]) if length < 192 else b"\xff" + length.to_bytes(4, "big")
    return size + bytes([number]) + octets
