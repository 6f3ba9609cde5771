"""OpenPGP messages in their packets alone: what stands in them is noise."""

from __future__ import annotations

import hashlib

NOISE = hashlib.sha512(b"ciphertext").digest()
SEIPD = b"\xd2\x41\x01" + NOISE


def pkesk(key_id: str) -> bytes:
    """A session key for that key."""
    return b"\xc1\x4a\x03" + bytes.fromhex(key_id) + b"\x12" + NOISE


def for_(*key_ids: str) -> bytes:
    """An encrypted message for these keys."""
    return b"".join(map(pkesk, key_ids)) + SEIPD
