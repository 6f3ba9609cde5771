"""OpenPGP messages in their packets alone: what stands in them is noise."""

from __future__ import annotations

import hashlib

NOISE = hashlib.sha512(b"ciphertext").digest()
SEIPD = b"\xd2\x41\x01" + NOISE


def pkesk(key_id: str) -> bytes:
    """A session key for that key, of X25519 (RFC 9580 section 5.1.6)."""
    return b"\xc1\x54\x03" + bytes.fromhex(key_id) + b"\x19" + NOISE[:32] + b"\x29\x09" + NOISE[:40][::-1]


def for_(*key_ids: str) -> bytes:
    """An encrypted message for these keys."""
    return b"".join(map(pkesk, key_ids)) + SEIPD
