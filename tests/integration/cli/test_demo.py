"""`demo` from anywhere, by anyone, with no configuration: it tells each step, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.hanging import running
from lab.waiting import wait_for

import relay

AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env"]
STEPS = [
    "makes a key pair with gpg",
    "keys generate",
    "keys import lefevre.asc",
    "1 imported",
    "explain --from",
    "encrypt: key found: keyring",
    "matches: encrypt: required",
    "pgp-relay serve",
    "As the doctor's client sends it",
    "la glycémie à jeun",
    "As it leaves the hospital",
    "Subject: [...]",
    "-----BEGIN PGP MESSAGE-----",
    "As its recipient reads it",
    "Subject: Résultats d'analyse de Mme Dupré",
    "Attached: résultats.csv",
    "la glycémie à jeun",
    "trace --json",
    '"action": "encrypt"',
    "nothing is left running",
]


@pytest.fixture
def temporary() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def demo(temporary: Path, command: list[str | Path], **environment: str) -> str:
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "-m", "relay", "demo"],
        cwd="/",
        env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), **environment},
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    print(f"{time.monotonic() - begun:.1f} s")
    return done.stdout.decode()


def assert_told(text: str) -> None:
    at = 0
    for step in STEPS:
        at = text.find(step, at) + 1
        assert at, step


def test_it_tells_every_step_and_leaves_nothing(temporary: Path) -> None:
    assert_told(demo(temporary, [sys.executable]))
    wait_for(lambda: not running(temporary), "gpg's agents have ended")
    assert list(temporary.iterdir()) == []


def test_without_gpg_it_says_what_to_install_and_leaves_nothing(temporary: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay", "demo"],
        env={"PATH": "/nonexistent", "TMPDIR": str(temporary)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, b"gpg is not found: install GnuPG (apt-get install gnupg)\n")
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="somebody who is not root runs these tests as it is")
def test_anybody_may_run_it(temporary: Path) -> None:
    """… from a copy that they can read: where these tests run, root's home may not be one."""
    copy = temporary / "copy"
    source = Path(relay.__file__).parent
    shutil.copytree(source, copy / "relay")
    path = f"{copy}:{Path(pytest.__file__).parents[1]}"
    command: list[str | Path] = [*AS_NOBODY, readable_python(), "-P"]
    text = demo(temporary, command, PYTHONPATH=path, HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
    assert_told(text)
    wait_for(lambda: not running(temporary), "gpg's agents have ended")
    assert list(temporary.iterdir()) == [copy]


def readable_python() -> str:
    """This Python, if nobody may execute it, or the system's of the same version."""
    for python in (sys.executable, shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin") or ""):
        if python and subprocess.run([*AS_NOBODY, python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("nobody may execute no Python of this version here")
