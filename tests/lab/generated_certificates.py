"""Certificates of which each fact is as chance has it."""

from __future__ import annotations

import random
import time
from itertools import count

from lab.forge import (
    BINDING,
    CERTIFICATION,
    ENCRYPTS,
    ID_REVOCATION,
    MD5,
    P192,
    P256,
    REVOCATION,
    SHA1,
    SHA512,
    SUBKEY_REVOCATION,
    Key,
    Signed,
)

SEED = 20261130
NO_POINTS = (P256, bytes.fromhex("2b8104000a"))
"""P-256 and secp256k1, of which the number that stands there is no point."""
DAY = 86400


def generated(chance: random.Random) -> bytes:
    """One certificate, each of its facts as chance has it; most are good."""
    now = int(time.time())
    key = Key(created=now + chance.choice([-100 * DAY] * 6 + [-3600, 3600]))

    later = count(1)

    def said(kind: int, flags: int) -> Signed:
        return Signed(
            kind,
            (now + DAY if chance.random() < 0.03 else key.created) + next(later),  # of one second, order decides
            flags if chance.random() < 0.97 else 0,
            key_lasts=chance.choice([0, 0, 0, 200 * DAY, 10 * DAY]),
            lasts=chance.choice([0] * 8 + [300 * DAY, DAY]),
            features=chance.choice([None, 1, 9]),
            digest=chance.choice([SHA512] * 8 + [SHA1, MD5]),
            broken=chance.random() < 0.05,
        )

    parts = [key.primary]
    if chance.random() < 0.1:
        parts.append(key.alone(Signed(REVOCATION, key.created + 70, broken=chance.random() < 0.3)))
    for number in range(chance.choice([0, 1, 1, 1, 2, 3])):
        gone = [Signed(ID_REVOCATION, key.created + 80)] if chance.random() < 0.1 else []
        parts.append(key.user_id(f"User {number} <u{number}@generated.example>", said(CERTIFICATION, 3), *gone))
    no_point = {"curve": chance.choice(NO_POINTS)} if chance.random() < 0.04 else {}
    for _ in range(chance.choice([0, 1, 1, 1, 2])):
        gone = [Signed(SUBKEY_REVOCATION, key.created + 80)] if chance.random() < 0.1 else []
        unknown = {"curve": P192} if chance.random() < 0.1 else {}
        parts.append(key.subkey(key.created, said(BINDING, ENCRYPTS), *gone, **(no_point or unknown)))
    return b"".join(parts)
