"""Version 4 certificates made packet by packet, so that each of their facts can be as odd as a test wants it.

Ed25519 (algorithm 22) primary keys and Curve25519 (18) subkeys, as GnuPG and Sequoia make them: RFC 9580 sections 5.2,
5.5 and 10.1. Times are seconds since the epoch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from lab.certificates import Keypair
from relay.mail.fingerprints import fingerprint

SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, USER_ID, PUBLIC_SUBKEY = 2, 5, 6, 7, 13, 14
CERTIFICATION, BINDING, DIRECT, REVOCATION, SUBKEY_REVOCATION, ID_REVOCATION = 0x13, 0x18, 0x1F, 0x20, 0x28, 0x30
MD5, SHA1, SHA256, SHA512 = 1, 2, 8, 10
CERTIFIES_AND_SIGNS, SIGNS, ENCRYPTS = 0x03, 0x02, 0x0C
_HASHES = {MD5: "md5", SHA1: "sha1", SHA256: "sha256", SHA512: "sha512"}
_ED25519 = bytes.fromhex("2b06010401da470f01")
_CV25519 = bytes.fromhex("2b060104019755010501")
P256 = bytes.fromhex("2a8648ce3d030107")
P192 = bytes.fromhex("2a8648ce3d030101")
_KDF = bytes.fromhex("03010807")


def mpi(octets: bytes) -> bytes:
    number = int.from_bytes(octets, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def subpacket(kind: int, octets: bytes) -> bytes:
    return bytes([len(octets) + 1, kind]) + octets


def packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def hashed(body: bytes) -> bytes:
    """A key as it is hashed into signatures (section 5.2.4)."""
    return b"\x99" + len(body).to_bytes(2, "big") + body


def _named(text: bytes) -> bytes:
    return b"\xb4" + len(text).to_bytes(4, "big") + text


@dataclass(frozen=True)
class Signed:
    """What a signature says; `None` and 0 leave a subpacket out."""

    kind: int
    created: int
    flags: int = 0
    key_lasts: int = 0
    lasts: int = 0
    features: int | None = 1
    digest: int = SHA512
    revoker: str = ""
    broken: bool = False
    intended: tuple[str, ...] = ()


@dataclass
class Key:
    """A primary key and what it signs."""

    created: int = field(default_factory=lambda: int(time.time()) - 1000)
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def body(self) -> bytes:
        point = mpi(b"\x40" + self.private.public_key().public_bytes_raw())
        return b"\x04" + self.created.to_bytes(4, "big") + bytes([22, len(_ED25519)]) + _ED25519 + point

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.body)

    @property
    def primary(self) -> bytes:
        return packet(PUBLIC_KEY, self.body)

    def sign(self, said: Signed, over: bytes) -> bytes:
        """A signature packet."""
        issuer = bytes.fromhex(self.fingerprint)
        subpackets = [subpacket(2, said.created.to_bytes(4, "big"))] if said.created else []
        subpackets += [subpacket(33, b"\x04" + issuer)]
        subpackets += [subpacket(27, bytes([said.flags]))] if said.flags else []
        subpackets += [subpacket(9, said.key_lasts.to_bytes(4, "big"))] if said.key_lasts else []
        subpackets += [subpacket(3, said.lasts.to_bytes(4, "big"))] if said.lasts else []
        subpackets += [subpacket(30, bytes([said.features]))] if said.features is not None else []
        subpackets += [subpacket(11, bytes([9, 7]))] if said.kind in {CERTIFICATION, DIRECT} else []
        subpackets += [subpacket(12, b"\x80\x16" + bytes.fromhex(said.revoker))] if said.revoker else []
        subpackets += [subpacket(35, b"\x04" + bytes.fromhex(one)) for one in said.intended]
        area = b"".join(subpackets)
        head = bytes([4, said.kind, 22, said.digest]) + len(area).to_bytes(2, "big") + area
        digest = hashlib.new(_HASHES[said.digest], over + head + b"\x04\xff" + len(head).to_bytes(4, "big")).digest()
        made = self.private.sign(digest[::-1] if said.broken else digest)
        unhashed = subpacket(16, issuer[-8:])
        tail = len(unhashed).to_bytes(2, "big") + unhashed + digest[:2] + mpi(made[:32]) + mpi(made[32:])
        return packet(SIGNATURE, head + tail)

    def user_id(self, text: str | bytes, *said: Signed) -> bytes:
        """A user id and its signatures."""
        name = text.encode() if isinstance(text, str) else text
        signatures = (self.sign(one, hashed(self.body) + _named(name)) for one in said)
        return packet(USER_ID, name) + b"".join(signatures)

    def subkey(self, created: int, *said: Signed, curve: bytes = _CV25519) -> bytes:
        """A subkey for encryption and its signatures."""
        body, _ = subkey_body(created, curve)
        return packet(PUBLIC_SUBKEY, body) + self.bound(body, *said)

    def bound(self, body: bytes, *said: Signed) -> bytes:
        """The signatures of a subkey."""
        return b"".join(self.sign(one, hashed(self.body) + hashed(body)) for one in said)

    @property
    def secret(self) -> bytes:
        """The secret key packet, without a passphrase."""
        return packet(SECRET_KEY, _with_secret(self.body, self.private.private_bytes_raw()))

    def alone(self, said: Signed, of: bytes | None = None) -> bytes:
        """A signature over the primary key alone, or (as designated revoker) over that of another."""
        return self.sign(said, hashed(of or self.body))


def subkey_body(created: int, curve: bytes = _CV25519) -> tuple[bytes, bytes]:
    """Of a public subkey, and its secret scalar as it is written there (section 5.5.5.6.1)."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    point = mpi(b"\x40" + public) if curve == _CV25519 else mpi(b"\x04" + public + public[:16])
    body = b"\x04" + created.to_bytes(4, "big") + bytes([18, len(curve)]) + curve + point + _KDF
    scalar = bytearray(private.private_bytes_raw())
    scalar[0] &= 0xF8
    scalar[31] = scalar[31] & 0x7F | 0x40
    return body, bytes(reversed(scalar))


def _with_secret(body: bytes, secret: bytes) -> bytes:
    number = mpi(secret)
    return body + b"\0" + number + (sum(number) & 0xFFFF).to_bytes(2, "big")


def keypair(user_id: str, **said: int | None) -> Keypair:
    """A key with its secret half; `said` is what its self-signature says."""
    key = Key()
    name = key.user_id(user_id, Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS, **said))  # type: ignore[arg-type]  # its fields
    body, scalar = subkey_body(key.created)
    binding = key.bound(body, Signed(BINDING, key.created, ENCRYPTS, features=None))
    public = key.primary + name + packet(PUBLIC_SUBKEY, body) + binding
    secret = key.secret + name + packet(SECRET_SUBKEY, _with_secret(body, scalar)) + binding
    return Keypair(public, secret, b"")


def ordinary(
    *user_ids: str | bytes,
    key: Key | None = None,
    said: Iterable[Signed] | None = None,
    subkeys: bool = True,
) -> bytes:
    """A certificate as anybody has it, but for what is given."""
    key = key or Key()
    certification = tuple(said or [Signed(CERTIFICATION, key.created, CERTIFIES_AND_SIGNS)])
    ids = b"".join(key.user_id(text, *certification) for text in user_ids)
    bound = key.subkey(key.created, Signed(BINDING, key.created, ENCRYPTS, features=None)) if subkeys else b""
    return key.primary + ids + bound
