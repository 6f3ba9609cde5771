"""The relay's message ids: short, of letters and digits, unique across processes, sorting by time."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # base32 without I, L, O, U: read aloud without mistakes


def new_id() -> str:
    """Nine characters of milliseconds, then six by chance."""
    return _digits(int(time.time() * 1000), 9) + _digits(secrets.randbits(30), 6)


def _digits(number: int, count: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * count - 5, -1, -5))
