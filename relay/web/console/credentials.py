"""What people log in with: a password (Argon2id, RFC 9106) and a code of six digits that changes (TOTP, RFC 6238).

The one place of argon2-cffi and pyotp. Hashing takes tens of milliseconds by design: it runs in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 200
"""Characters of a password."""
_STEP = 30
_AROUND = 1
"""Steps before and after that count as well: clocks differ."""
_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody has this password")


async def hashed(password: str) -> str:
    """The password as it is stored."""
    return await asyncio.to_thread(_hasher.hash, password)


async def fits(stored: str, password: str) -> bool:
    """Whether it is the stored password; takes as long where nothing is stored."""

    def verify() -> bool:
        try:
            return _hasher.verify(stored or _NOBODY, password) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False

    return len(password) <= LONGEST and await asyncio.to_thread(verify)


def new_secret() -> str:
    """A new secret for a second factor, in base32."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, clock: Callable[[], float] = time.time) -> int | None:
    """The time step that this code is for; None where it is none of now."""
    if not secret or len(code) != 6 or not code.isascii() or not code.isdigit():
        return None
    now, totp = int(clock()), pyotp.TOTP(secret)
    steps = [now // _STEP + away for away in range(-_AROUND, _AROUND + 1)]
    found = [step for step in steps if pyotp.utils.strings_equal(totp.generate_otp(step), code)]
    return found[0] if found else None
