"""The systemd unit we hand out: systemd's own judgement of it, and what has to agree with the code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from relay.config.sections import Deadlines

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "examples" / "systemd" / "pgp-relay.service"
WORST = 20  # tenths of systemd's exposure level


def judged(file: Path) -> subprocess.CompletedProcess[str]:
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={WORST}", file]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


def values(key: str) -> list[str]:
    lines = (line.partition("=") for line in UNIT.read_text().splitlines() if not line.startswith("#"))
    return [value for name, _, value in lines if name == key]


def test_systemd_finds_little_that_is_exposed() -> None:
    done = judged(UNIT)

    assert done.returncode == 0, done.stdout[-500:]


def test_that_judgement_is_one(tmp_path: Path) -> None:
    bare = tmp_path / UNIT.name
    bare.write_text("[Service]\nExecStart=/bin/true\n")

    assert judged(bare).returncode != 0


@pytest.mark.parametrize("family", ["AF_UNIX", "AF_INET", "AF_INET6"])
def test_mail_and_gpg_agent_keep_their_sockets(family: str) -> None:
    assert family in values("RestrictAddressFamilies")[0].split()


def test_systemd_waits_longer_than_the_relay_needs_to_stop() -> None:
    assert float(values("TimeoutStopSec")[0]) > Deadlines().stop


def test_the_passphrase_is_where_the_configuration_is_told_to_look() -> None:
    name, _, _file = values("LoadCredential")[0].partition(":")

    assert f"passphrase_file: /run/credentials/{UNIT.name}/{name}" in UNIT.read_text()
