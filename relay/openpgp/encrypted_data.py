"""What is in a SEIPD packet, once its session key is known (RFC 9580 section 5.13): all of it, or nothing.

Version 1 is AES or another block cipher in CFB mode with a SHA-1 over what is in it; version 2 is AES in OCB or GCM
mode, chunk by chunk. The primitives are pyca/cryptography's. Raises `OpenPgpError` for what is damaged.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Camellia, TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relay.mail.packets import Octets
from relay.model.errors import OpenPgpError

_CIPHERS: dict[int, tuple[Any, int]] = {
    2: (TripleDES, 24),
    3: (CAST5, 16),
    7: (AES, 16),
    8: (AES, 24),
    9: (AES, 32),
    11: (Camellia, 16),
    12: (Camellia, 24),
    13: (Camellia, 32),
}
"""By the numbers of section 9.3: the cipher, and the octets of its key."""
_AES = frozenset({7, 8, 9})
_AEADS: dict[int, tuple[Any, int]] = {2: (AESOCB3, 15), 3: (AESGCM, 12)}
"""By the numbers of section 9.6, and the octets of a nonce."""
_MDC = b"\xd3\x14"
_MDC_OCTETS = 22
_TAG = 16
_SALT = 32
_MOST_CHUNK = 16
"""2 to the power of 16 + 6: 4 MiB, the most that section 5.13.2 allows."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """The session key in a PKESK packet."""

    cipher: int | None
    """The cipher's number; None: the packet is of version 6, and the SEIPD packet names it."""
    key: bytes


def decrypted(body: bytes, session_key: SessionKey) -> Octets:
    """The packets in a SEIPD packet's body."""
    match body[:1], session_key.cipher:
        case b"\1", int(cipher):
            return _version_1(memoryview(body)[1:], cipher, session_key.key)
        case b"\2", None:
            return _version_2(body, session_key.key)
    raise OpenPgpError("a session key of another version than the data")


def key_octets(cipher: int) -> int:
    """The number of octets of that cipher's key."""
    if cipher not in _CIPHERS:
        raise OpenPgpError("a cipher that is not read")
    return _CIPHERS[cipher][1]


def _version_1(ciphertext: memoryview, cipher: int, key: bytes) -> Octets:
    if len(key) != key_octets(cipher):
        raise OpenPgpError("a session key of another length")
    algorithm = _CIPHERS[cipher][0](key)
    block = algorithm.block_size // 8
    decryptor = Cipher(algorithm, CFB(bytes(block))).decryptor()
    clear = decryptor.update(ciphertext) + decryptor.finalize()
    if len(clear) < block + 2 + _MDC_OCTETS or clear[-_MDC_OCTETS : -_MDC_OCTETS + 2] != _MDC:
        raise OpenPgpError("no proof that the data is whole")
    digest = hashlib.sha1(memoryview(clear)[:-20], usedforsecurity=False).digest()
    if not hmac.compare_digest(digest, clear[-20:]):
        raise OpenPgpError("the data was changed")
    return memoryview(clear)[block + 2 : -_MDC_OCTETS]


def _version_2(body: bytes, key: bytes) -> bytes:
    head, salt, rest = body[:4], body[4 : 4 + _SALT], memoryview(body)[4 + _SALT :]
    if len(rest) < _TAG or head[1] not in _AES or head[2] not in _AEADS or head[3] > _MOST_CHUNK:
        raise OpenPgpError("data that is encrypted in an unknown way")
    if len(key) != key_octets(head[1]):
        raise OpenPgpError("a session key of another length")
    mode, nonce_octets = _AEADS[head[2]]
    info = b"\xd2" + head
    derived = HKDF(SHA256(), len(key) + nonce_octets - 8, salt, info).derive(key)
    aead, prefix = mode(derived[: len(key)]), derived[len(key) :]
    size = (1 << (head[3] + 6)) + _TAG
    *chunks, final = (
        *(rest[at : min(at + size, len(rest) - _TAG)] for at in range(0, len(rest) - _TAG, size)),
        rest[-_TAG:],
    )
    try:
        clear = [aead.decrypt(prefix + at.to_bytes(8, "big"), chunk, info) for at, chunk in enumerate(chunks)]
        total = sum(map(len, clear)).to_bytes(8, "big")
        aead.decrypt(prefix + len(chunks).to_bytes(8, "big"), final, info + total)
    except (InvalidTag, ValueError) as error:
        raise OpenPgpError("the data was changed") from error
    return b"".join(clear)
