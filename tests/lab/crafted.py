"""Encrypted messages made packet by packet, so that they can be as odd as a test wants them (RFC 9580 section 5).

For ECDH subkeys over Curve25519. What an honest program writes comes from real programs (`lab.writers`).
"""

from __future__ import annotations

import bz2
import hashlib
import os
import zlib
from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from lab.forge import mpi, packet
from relay.mail.fingerprints import fingerprint

ONE_PASS, COMPRESSED, SED, LITERAL, SEIPD = 4, 8, 9, 11, 18
OCB, GCM = 2, 3
HIDDEN = "0" * 16
KEY = bytes(range(32))


def session_key(  # noqa: PLR0913  what may be odd, each by its name
    subkey: bytes,
    *,
    key: bytes = KEY,
    key_id: str | None = None,
    version: int = 3,
    cipher: int = 9,
    padded: bytes | None = None,
) -> bytes:
    """A PKESK packet for the subkey with this packet body, naming its own key id or another.

    `padded` is what is wrapped in the place of the key with its checksum and padding.
    """
    name = fingerprint(subkey)
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(subkey[-36:-4]))
    parameters = subkey[6:17] + b"\x12" + subkey[-4:] + b"Anonymous Sender    " + bytes.fromhex(name)
    wrapping = hashlib.sha256(b"\0\0\0\1" + shared + parameters).digest()[: {7: 16, 9: 32}[subkey[-1]]]
    clear = (bytes([cipher]) if version == 3 else b"") + key + (sum(key) & 0xFFFF).to_bytes(2, "big")
    padding = 8 - len(clear) % 8
    wrapped = aes_key_wrap(wrapping, clear + bytes([padding]) * padding if padded is None else padded)
    head = bytes([3]) + bytes.fromhex(key_id or name[-16:]) if version == 3 else b"\6\x15\4" + bytes.fromhex(name)
    point = mpi(b"\x40" + ephemeral.public_key().public_bytes_raw())
    return packet(1, head + b"\x12" + point + bytes([len(wrapped)]) + wrapped)


def encrypted(clear: bytes, key: bytes = KEY, mdc: bytes | None = None) -> bytes:
    """A SEIPD packet of version 1; `mdc` instead of the packet that proves it whole."""
    prefix = os.urandom(16)
    whole = prefix + prefix[-2:] + clear
    whole += b"\xd3\x14" + hashlib.sha1(whole + b"\xd3\x14", usedforsecurity=False).digest() if mdc is None else mdc
    return packet(SEIPD, b"\1" + _cfb(whole, key))


def encrypted_2(clear: bytes, aead: int, key: bytes = KEY, *, cut: int = 0) -> bytes:
    """A SEIPD packet of version 2, in chunks of 64 octets, the last `cut` of them left out."""
    head, salt = bytes([2, 9, aead, 0]), os.urandom(32)
    modes: dict[int, tuple[type[AESOCB3 | AESGCM], int]] = {OCB: (AESOCB3, 15), GCM: (AESGCM, 12)}
    mode, nonce = modes[aead]
    derived = HKDF(SHA256(), 32 + nonce - 8, salt, b"\xd2" + head).derive(key)
    pieces = [clear[at : at + 64] for at in range(0, len(clear), 64)]
    pieces = pieces[: len(pieces) - cut]
    cipher, prefix = mode(derived[:32]), derived[32:]
    made = [cipher.encrypt(prefix + at.to_bytes(8, "big"), one, b"\xd2" + head) for at, one in enumerate(pieces)]
    total = b"\xd2" + head + len(clear).to_bytes(8, "big")
    made.append(cipher.encrypt(prefix + len(pieces).to_bytes(8, "big"), b"", total))
    return packet(SEIPD, head + salt + b"".join(made))


def unprotected(clear: bytes, key: bytes = KEY) -> bytes:
    """A packet without integrity protection (section 5.7)."""
    prefix = os.urandom(16)
    return packet(SED, _cfb(prefix + prefix[-2:] + clear, key))


def literal(content: bytes, kind: bytes = b"b", name: bytes = b"") -> bytes:
    return packet(LITERAL, kind + bytes([len(name)]) + name + bytes(4) + content)


def compressed(octets: bytes, algorithm: int = 2) -> bytes:
    """In a compressed packet: 1 ZIP, 2 ZLIB, 3 BZip2."""
    ways: dict[int, Callable[[bytes], bytes]] = {
        1: lambda o: zlib.compress(o, 9)[2:-4],
        2: lambda o: zlib.compress(o, 9),
        3: bz2.compress,
    }
    packed = ways[algorithm](octets)
    return packet(COMPRESSED, bytes([algorithm]) + packed)


def one_pass(fingerprint: str, *, last: bool = True) -> bytes:
    """In front of what is signed by that Ed25519 key, over a binary document with SHA-512."""
    return packet(ONE_PASS, b"\3\0\x0a\x16" + bytes.fromhex(fingerprint[-16:]) + bytes([last]))


def _cfb(octets: bytes, key: bytes) -> bytes:
    encryptor = Cipher(AES(key), CFB(bytes(16))).encryptor()
    return encryptor.update(octets) + encryptor.finalize()
