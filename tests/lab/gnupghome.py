"""A GnuPG home for a test, with a path short enough for the agent, and a plain `gpg` call in it."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.certificates import Keypair
from relay.mail import armor


@contextmanager
def gnupg_home() -> Iterator[Path]:
    """An empty home; its agent is stopped at the end."""
    home = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))
    try:
        yield home
    finally:
        stop_agent(home)
        shutil.rmtree(home)


def stop_agent(home: Path) -> None:
    """Stop what gpg started for that home, and wait until it has gone."""
    agent = agent_of(home)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True, capture_output=True)
    if agent is not None:
        _await_end(agent)


def agent_of(home: Path) -> int | None:
    """The process id of the home's agent; None where none runs."""
    ask = ["gpg-connect-agent", "--homedir", str(home), "--no-autostart", "GETINFO pid", "/bye"]
    answer = subprocess.run(ask, capture_output=True, check=False).stdout.split()
    return int(answer[1]) if len(answer) > 1 and answer[0] == b"D" else None


@contextmanager
def mute_agent(home: Path) -> Iterator[None]:
    """Where its agent listens, somebody does who never answers."""
    with in_place_of_agent(home):
        yield


@contextmanager
def in_place_of_agent(home: Path) -> Iterator[socket.socket]:
    """A socket that listens where its agent did.

    Somebody may start another agent at any moment: it gets there before and is replaced, or comes too late.
    """
    stop_agent(home)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home / "S.other"))
        listening.listen()
        (home / "S.other").rename(home / "S.gpg-agent")
        try:
            yield listening
        finally:
            (home / "S.gpg-agent").unlink()


def _await_end(process: int) -> None:
    with suppress(ProcessLookupError):
        end = os.pidfd_open(process)
        try:
            select.select([end], [], [], 10)
        finally:
            os.close(end)


def gpg(home: Path, *arguments: str, content: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """The real gpg, as a person would call it."""
    return subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--yes", "--no-tty", "--status-fd", "2", *arguments],
        input=content,
        capture_output=True,
        check=check,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )


def secret_key(home: Path, user_id: str = "Relay <relay@hopital.example>", algorithm: str = "ed25519") -> str:
    """A signing key without a passphrase; its fingerprint."""
    return generate(home, user_id, algorithm, "sign", "never")


def generate(  # noqa: PLR0913, PLR0917  gpg's own arguments
    home: Path,
    user_id: str,
    algorithm: str = "future-default",
    usage: str = "default",
    expires: str = "never",
    at: str | None = None,
) -> str:
    """`--quick-generate-key`, perhaps at another time (`20200101T000000!`); the fingerprint."""
    then = ["--faked-system-time", at] if at else []
    made = gpg(home, *then, "--passphrase", "", "--quick-generate-key", user_id, algorithm, usage, expires)
    return next(line.split()[3].decode() for line in made.stderr.splitlines() if b" KEY_CREATED " in line)


def expired_certificate(home: Path, user_id: str = "Old <old@example.org>") -> bytes:
    """A certificate whose day is over."""
    return gpg(home, "--export", generate(home, user_id, expires="1d", at="20200101T000000!")).stdout


def gnupg_keypair(user_id: str) -> Keypair:
    """A key as GnuPG makes it: it asks for SEIPDv1, which Sequoia's own do not."""
    with gnupg_home() as home:
        key = generate(home, user_id)
        text = (home / "openpgp-revocs.d" / f"{key}.rev").read_bytes().replace(b":-----BEGIN", b"-----BEGIN")
        revocation = armor.dearmor(text)[0].data
        return Keypair(gpg(home, "--export", key).stdout, gpg(home, "--export-secret-keys", key).stdout, revocation)
