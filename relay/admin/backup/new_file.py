"""A file that gets its name once it is complete, and that only its owner can read. No other file is ever replaced."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from relay.admin.owner import stay_root
from relay.model.errors import BackupError


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that gets its name once it is whole."""

    target: Path
    file: BinaryIO
    publish: Callable[[], int]
    """Give it the name. Raises `OSError`."""


@contextmanager
def new_file(target: Path) -> Iterator[NewFile]:
    """A file that only the caller can read, even after root was given up. Raises `BackupError`."""
    if os.path.lexists(target):  # False where that cannot be told: writing fails then, with a sentence
        raise BackupError(taken(target))
    try:
        folder = Path(tempfile.mkdtemp(prefix=".pgp-relay-", dir=target.parent))  # 0700
        made = folder / "backup"
        descriptor = os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(target, error) from error
    with (
        os.fdopen(descriptor, "wb") as file,
        stay_root([partial(_publish, made, target), partial(_discard, folder)]) as act,
    ):
        try:
            yield NewFile(target, file, lambda: act(0))
        finally:
            act(1)


def unwritable(target: Path, error: OSError) -> BackupError:
    """Return the error that says why nothing can be written there."""
    return BackupError(f"{target} cannot be written: {error.strerror}")


def _publish(made: Path, target: Path) -> int:
    _claim(target)
    made.replace(target)
    _sync(target.parent)
    return 0


def _discard(folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _claim(target: Path) -> None:
    """Create the file under its name, so that no other file is replaced (not every file system has hard links)."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def taken(target: Path) -> str:
    """Return the sentence that says that the name is taken."""
    return f"{target} exists already: give another name, or move it away"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
