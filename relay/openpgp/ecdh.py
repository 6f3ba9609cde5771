"""Session keys for our own encryption subkeys: ECDH over Curve25519 (RFC 9580 sections 5.1.5 and 11.4).

Our own are the only secret keys that mail is opened with, and all of them are of this kind (`relay.openpgp.own`). A
secret key takes part in one step alone, X25519 (RFC 7748): gpg-agent takes it, or this process. Raises `OpenPgpError`
for a session key that is not for this subkey, or was changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from relay.mail.fingerprints import fingerprint
from relay.model.errors import OpenPgpError
from relay.openpgp.encrypted_data import SessionKey, key_octets

ECDH = 18
NATIVE = 0x40
"""In front of a point in the curve's own form."""
CURVE25519 = bytes.fromhex("0a2b060104019755010501")
"""The curve's object identifier behind its length."""

_POINT = 33
_SENDER = b"Anonymous Sender    "
_HASHES = {8: "sha256", 9: "sha384", 10: "sha512"}
_WRAPPING = {7: 16, 8: 24, 9: 32}
"""Octets of a key encryption key, by the cipher's number."""

Secret = X25519PrivateKey
_PROBE = Secret.generate()


@dataclass(frozen=True, slots=True)
class Subkey:
    """What the body of a public subkey packet says."""

    fingerprint: str
    point: bytes
    """32 octets."""
    hash: str
    wrapping: int
    """Octets of the key that wraps session keys."""
    parameters: bytes
    """What is hashed beside the shared secret."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A PKESK packet for such a subkey."""

    version: int
    point: bytes
    """The sender's, 32 octets."""
    key: bytes


@lru_cache(maxsize=1000)
def subkey(body: bytes) -> Subkey:
    """One of version 4 over Curve25519."""
    head, rest = body[:6], body[6:]
    kdf = rest[len(CURVE25519) + 2 + _POINT :]
    if head[:1] != b"\4" or head[5:] != bytes([ECDH]) or not rest.startswith(CURVE25519) or len(kdf) != 4:
        raise OpenPgpError("not an ECDH key over Curve25519")
    point = rest[len(CURVE25519) + 2 :][:_POINT]
    if kdf[:2] != b"\3\1" or kdf[2] not in _HASHES or kdf[3] not in _WRAPPING or point[0] != NATIVE:
        raise OpenPgpError("not an ECDH key over Curve25519")
    name = fingerprint(body)
    parameters = CURVE25519 + bytes([ECDH]) + kdf + _SENDER + bytes.fromhex(name)
    return Subkey(name, point[1:], _HASHES[kdf[2]], _WRAPPING[kdf[3]], parameters)


def wrapped(body: bytes) -> Wrapped:
    """What stands in a PKESK packet's body behind the key that it names."""
    version = body[0]
    at = 9 if version == 3 else 2 + body[1]
    head, point, rest = body[at : at + 3], body[at + 3 : at + 3 + _POINT], body[at + 3 + _POINT :]
    if head != bytes((ECDH, 1, 7)):  # 263 bits
        raise OpenPgpError("not a session key for a key over Curve25519")
    if len(point) != _POINT or point[0] != NATIVE or not rest or rest[0] != len(rest) - 1:
        raise OpenPgpError("a session key of another form")
    return Wrapped(version, point[1:], rest[1:])


def check(point: bytes) -> None:
    """Raise `OpenPgpError` for one of small order: everybody would know the shared secret."""
    shared_secret(_PROBE, point)


def secret(scalar: bytes) -> Secret:
    """A secret key; `scalar` in the order of RFC 7748."""
    return X25519PrivateKey.from_private_bytes(scalar)


def shared_secret(secret: Secret, point: bytes) -> bytes:
    """X25519 in this process. Raises `OpenPgpError` for a point of small order."""
    try:
        return secret.exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError as error:
        raise OpenPgpError("a point that gives no secret") from error


def session_key(wrapped: Wrapped, shared: bytes, subkey: Subkey) -> SessionKey:
    """The session key that this shared secret unwraps."""
    derived = hashlib.new(subkey.hash, b"\0\0\0\1" + shared + subkey.parameters).digest()[: subkey.wrapping]
    try:
        padded = aes_key_unwrap(derived, wrapped.key)
    except (InvalidUnwrap, ValueError) as error:
        raise OpenPgpError("a session key for another key") from error
    clear = _without_padding(padded)
    cipher, key = (clear[0], clear[1:-2]) if wrapped.version == 3 else (None, clear[:-2])
    if (sum(key) & 0xFFFF).to_bytes(2, "big") != clear[-2:] or (cipher is not None and len(key) != key_octets(cipher)):
        raise OpenPgpError("a session key that is damaged")
    return SessionKey(cipher, key)


def _without_padding(padded: bytes) -> bytes:
    """What is in front of octets that all say how many they are: more than a cipher and a checksum."""
    padding = padded[-1]
    clear = padded[: len(padded) - padding]
    if not padding or len(clear) <= 3 or padded[len(clear) :] != bytes([padding]) * padding:
        raise OpenPgpError("a session key that is damaged")
    return clear
