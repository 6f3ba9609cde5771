"""gpg, sq and both engines agree with our verdict on generated certificates, or ours is the stricter one."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
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
from lab.gnupghome import gnupg_home, gpg

from relay.model import Certificate
from relay.model.errors import EngineError
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.sequoia import Sequoia

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


def by_gpg(home: Path, blob: bytes) -> bool:
    (home / "one").write_bytes(blob)
    return (
        gpg(home, "--trust-model", "always", "-f", str(home / "one"), "-e", content=b"x", check=False).returncode == 0
    )


def by_sq(home: Path, blob: bytes) -> bool:
    (home / "one").write_bytes(blob)
    command = ["sq", "encrypt", "--recipient-cert", str(home / "one")]
    return subprocess.run(command, input=b"x", capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("number", [150, pytest.param(500, marks=pytest.mark.slow)])
async def test_what_is_usable_here_is_usable_there(number: int, record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(SEED)  # noqa: S311  a test
    blobs = [generated(chance) for _ in range(number)]
    verdicts = await GnuPGExaminer().examine(blobs)
    counted: Counter[str] = Counter()
    with gnupg_home() as home:
        for blob, verdict in zip(blobs, verdicts, strict=True):
            why = verdict.unusable(time.time()) if isinstance(verdict, Certificate) else verdict.reason
            counted["usable" if why is None else "unusable"] += 1
            gpg_does = by_gpg(home, blob)
            if why is None:
                assert isinstance(verdict, Certificate)
                assert gpg_does
                for engine in (GnuPG(home), Sequoia(home)):
                    assert await engine.encrypt(b"x", [verdict], None)
                weak = verdict.weaknesses(time.time())
                assert weak or by_sq(home, blob)
                counted["of these weak, and said to be" if weak else "of these sq agrees"] += 1
            else:
                counted["stricter than gpg"] += gpg_does
                if isinstance(verdict, Certificate):
                    for engine in (GnuPG(home), Sequoia(home)):
                        with pytest.raises(EngineError):
                            await engine.encrypt(b"x", [verdict], None)
    assert counted["usable"] > number / 10
    record_property("counted", f"{number} certificates: {dict(counted)}")
