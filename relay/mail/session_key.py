"""Session key packets: whom they are for, and whether they have the form of one (RFC 9580 sections 5.1 and 5.3).

`public_key` reads a PKESK of version 3 or 6, `password` an SKESK of version 4 to 6, to their last octet: an algorithm
that encrypts, and what it leaves of a session key in the sizes it has. Nothing else may stand in them, so that what
can be chosen freely is in `names` and `material`, which both are as good as random. Raises `OpenPgpError` for all
other packets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from relay.mail.packets import pkesk_key_id
from relay.model.errors import OpenPgpError

PASSWORD = ""
"""In the place of a key id."""

_RSA, _RSA_ENCRYPT_ONLY, _KYBER, _ELGAMAL, _ECDH = 1, 2, 8, 16, 18
_X25519, _X448, _MLKEM_768, _MLKEM_1024 = 25, 26, 35, 36
_MIN_MPI = 60
"""Octets of a number modulo the smallest RSA or ElGamal key in use."""
_UNCOMPRESSED = frozenset({49, 65, 97, 129, 133})
"""Octets of a point on a NIST or Brainpool curve."""
_WRAPPED = frozenset(range(24, 80, 8))
"""Octets of a session key under AES Key Wrap (RFC 3394)."""
_CIPHERS = frozenset({2, 3, 4, 7, 8, 9, 10, 11, 12, 13})
_NONCES = {1: 16, 2: 15, 3: 12}
"""Octets of a nonce, by the AEAD algorithm."""
_TAG = 16
_S2K = {0: 2, 1: 10, 3: 11, 4: 20}
"""Octets of a string-to-key specifier, by its type."""
_KEY_SIZES = (16, 24, 32)


@dataclass(frozen=True, slots=True)
class SessionKey:
    """One session key packet."""

    key_id: str
    """16 upper-case digits, zeros for a hidden recipient; `PASSWORD`: it is for who knows a password."""
    names: bytes
    """The key id or fingerprint as it stands there; none of a hidden recipient."""
    material: tuple[bytes, ...]
    """What is encrypted, or random, each number by itself."""


class _Reader:
    """Reads a body from its start to its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, octets: int) -> bytes:
        taken = self._body[self._at : self._at + octets]
        if len(taken) < octets:
            raise OpenPgpError("a session key packet that is cut off")
        self._at += octets
        return taken

    def number(self, octets: int = 1) -> int:
        return int.from_bytes(self.take(octets), "big")

    def mpi(self) -> bytes:
        return self.take((self.number(2) + 7) // 8)

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)


def public_key(body: bytes) -> SessionKey:
    """Read the body of a PKESK packet (RFC 9580 section 5.1). Raises `OpenPgpError`."""
    key_id = pkesk_key_id(body)
    reader = _Reader(body)
    version = reader.number()
    names = reader.take(8) if version == 3 else reader.take(reader.number())[1:]  # behind the version of the key
    algorithm = reader.number()
    read = _ALGORITHMS.get(algorithm)
    if read is None:
        raise OpenPgpError("a session key of an algorithm that does not encrypt")
    material = read(reader, version)
    _expect(not reader.rest())
    return SessionKey(key_id, names if any(names) else b"", material)


def password(body: bytes) -> SessionKey:
    """Read the body of an SKESK packet (RFC 9580 section 5.3). Raises `OpenPgpError`."""
    reader = _Reader(body)
    match reader.number():
        case 4:
            return SessionKey(PASSWORD, b"", _plain_skesk(reader))
        case 5:
            return SessionKey(PASSWORD, b"", _aead_skesk(reader, counted=False))
        case 6:
            return SessionKey(PASSWORD, b"", _aead_skesk(reader, counted=True))
    raise OpenPgpError("a session key packet of an unknown version")


def _expect(condition: bool) -> None:  # noqa: FBT001  a condition is what it is about
    if not condition:
        raise OpenPgpError("not the form of a session key")


def _wrapped(reader: _Reader, version: int) -> bytes:
    """A length, of version 3 a cipher, and the wrapped key."""
    size = reader.number()
    if version == 3:
        _expect(reader.number() in _CIPHERS)
        size -= 1
    _expect(size in _WRAPPED)
    return reader.take(size)


def _numbers(count: int) -> Callable[[_Reader, int], tuple[bytes, ...]]:
    def read(reader: _Reader, _version: int) -> tuple[bytes, ...]:
        numbers = tuple(reader.mpi() for _ in range(count))
        _expect(all(len(number) >= _MIN_MPI for number in numbers))
        return numbers

    return read


def _fixed(ephemeral: int) -> Callable[[_Reader, int], tuple[bytes, ...]]:
    return lambda reader, version: (reader.take(ephemeral), _wrapped(reader, version))


def _point(reader: _Reader) -> bytes:
    point = reader.mpi()
    native = (point[:1] == b"\x40" and len(point) in {33, 57}) or len(point) == 56
    _expect(native or (point[:1] == b"\x04" and len(point) in _UNCOMPRESSED))
    return point[1:] if len(point) % 2 else point


def _ecdh(reader: _Reader, _version: int) -> tuple[bytes, ...]:
    point = _point(reader)
    size = reader.number()
    _expect(size in _WRAPPED)
    return point, reader.take(size)


def _kyber(reader: _Reader, _version: int) -> tuple[bytes, ...]:
    """As GnuPG 2.5 writes it (draft-koch-librepgp)."""
    point = _point(reader)
    size = reader.number(4)
    _expect(size in {1088, 1568})
    encapsulated = reader.take(size)
    _expect(reader.number() in _CIPHERS)
    return point, encapsulated, _wrapped(reader, 6)


_ALGORITHMS: dict[int, Callable[[_Reader, int], tuple[bytes, ...]]] = {
    _RSA: _numbers(1),
    _RSA_ENCRYPT_ONLY: _numbers(1),
    _KYBER: _kyber,
    _ELGAMAL: _numbers(2),
    _ECDH: _ecdh,
    _X25519: _fixed(32),
    _X448: _fixed(56),
    _MLKEM_768: _fixed(32 + 1088),
    _MLKEM_1024: _fixed(56 + 1568),
}


def _s2k(reader: _Reader) -> bytes:
    """The salt of a string-to-key specifier (section 3.7.1)."""
    kind = reader.number()
    _expect(kind in _S2K)
    rest = reader.take(_S2K[kind] - 1)
    return rest[:16] if kind == 4 else rest[1:9]


def _plain_skesk(reader: _Reader) -> tuple[bytes, ...]:
    _expect(reader.number() in _CIPHERS)
    salt, key = _s2k(reader), reader.rest()
    _expect(len(key) in {0, *(1 + size for size in _KEY_SIZES)})
    return salt, key


def _aead_skesk(reader: _Reader, *, counted: bool) -> tuple[bytes, ...]:
    if counted:
        reader.take(1)
    _expect(reader.number() in _CIPHERS)
    nonce = _NONCES.get(reader.number(), 0)
    if counted:
        reader.take(1)
    salt, key = _s2k(reader), reader.rest()
    _expect(nonce > 0 and len(key) in {nonce + size + _TAG for size in _KEY_SIZES})
    return salt, key
