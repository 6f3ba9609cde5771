"""A configuration folder of Postfix's: read and edited with postconf, replaced in one step.

postconf edits a copy, which then replaces the real file in one step, with its mode and owner: a running Postfix never
reads half of a change. On the real files postconf would append to a last line without a newline, reset modes and
owners, and replace a symbolic link by a file. Raises `PostfixError`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from relay.admin import files
from relay.model.errors import PostfixError
from relay.process.bounded import MOST, TooMuch, bounded

SECONDS = 30.0
_LONGEST = 2000
"""Octets of an error that are shown."""
FILES = ("main.cf", "master.cf")


def postconf(folder: Path | None, *words: str) -> str:
    """Return what `postconf` prints about this configuration folder. Raises `PostfixError` where it fails."""
    return run("postconf", folder, *words)


def run(program: str, folder: Path | None, *words: str) -> str:
    """What one of Postfix's programs prints about this folder."""
    return run_octets(program, folder, *words).decode("utf-8", "replace")


def run_octets(program: str, folder: Path | None, *words: str, most: int = MOST) -> bytes:
    """The same as it is printed, `most` octets: a mail, or the queue."""
    where = ["-c", str(folder)] if folder else []
    try:
        done = bounded([_found(program), *where, *words], SECONDS, most=most)
    except subprocess.TimeoutExpired:
        raise PostfixError(f"{program} {words[0]}: no end within {SECONDS:g} s") from None
    except TooMuch:
        raise PostfixError(f"{program} {words[0]}: it prints more than {most >> 20} MiB") from None
    except OSError as error:
        raise PostfixError(f"{program} does not run: {type(error).__name__}") from None
    if done.returncode:
        raise PostfixError(f"{program} {words[0]}: {done.stderr[:_LONGEST].decode('utf-8', 'replace').strip()}")
    return done.stdout


def parameter(folder: Path, name: str) -> str:
    """One parameter, with what it refers to in its place."""
    return postconf(folder, "-xh", name).strip()


def read(folder: Path) -> dict[str, bytes]:
    """The contents of the files in `FILES`, by name. Raises `PostfixError`."""
    try:
        return {name: (folder / name).read_bytes() for name in FILES}
    except OSError as error:
        raise PostfixError(f"{folder}: {error.strerror}: {error.filename}") from None


@contextlib.contextmanager
def copy(files: dict[str, bytes]) -> Iterator[Path]:
    """A folder with these files that postconf may edit; only we can read it."""
    with tempfile.TemporaryDirectory(prefix="pgp-relay-postfix-") as name:
        folder = Path(name)
        for file, octets in files.items():
            (folder / file).write_bytes(octets)
            os.utime(folder / file, (0, 0))  # postconf waits for two seconds where a file is younger than that
        yield folder


def replace(file: Path, octets: bytes) -> None:
    """Put it in the file's place, with its mode and owner; or leave everything as it was."""
    try:
        files.replace(file, octets)
    except OSError as error:
        raise PostfixError(f"{file} cannot be replaced: {error.strerror}") from None


def _found(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if not found:
        raise PostfixError(f"{program} is not found: Postfix is not installed here, or not in PATH")
    return found
