"""gpg, sq and both engines agree with our verdict on generated certificates, or ours is the stricter one."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.generated_certificates import SEED, generated
from lab.gnupghome import gnupg_home, gpg

from relay.model import Certificate
from relay.model.errors import EngineError
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.sequoia import Sequoia


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
        gnupg = GnuPG(home)
        for blob, verdict in zip(blobs, verdicts, strict=True):
            why = verdict.unusable(time.time()) if isinstance(verdict, Certificate) else verdict.reason
            counted["usable" if why is None else "unusable"] += 1
            gpg_does = by_gpg(home, blob)
            if why is None:
                assert isinstance(verdict, Certificate)
                assert gpg_does
                for engine in (gnupg, gnupg, gnupg, Sequoia(home)):  # from the third time on by what it has verified
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
