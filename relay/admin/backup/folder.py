"""A folder of backups, each named by its time, from which old ones are removed.

The name of a backup has its time (UTC, to the second). `thin` runs only after a backup was written: where backups fail,
none is removed. A clock that is wrong once does not empty the folder: the newest `FEWEST` always stay. Files with other
names, symbolic links and folders are left alone.

Raises `BackupError` with a sentence.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.model.errors import BackupError

FEWEST = 7
"""The newest backups that always stay, however old, beside the one just made."""
MOST = 100
"""No more than these stay, however young."""

_NAME = "pgp-relay-%Y%m%dT%H%M%SZ.tar"
_SHAPE = re.compile(r"pgp-relay-[0-9]{8}T[0-9]{6}Z\.tar")
_UNFINISHED = ".pgp-relay-*"
_DAY = timedelta(days=1)


def is_one(place: Path) -> bool:
    """Whether there is a folder here that can be looked into."""
    return os.path.isdir(place)  # noqa: PTH112  Path.is_dir raises PermissionError


def target(folder: Path, now: datetime) -> Path:
    """The name of a backup made at this time."""
    return folder / now.astimezone(UTC).strftime(_NAME)


def sweep(folder: Path, now: datetime) -> None:
    """Remove what interrupted backups left a day ago or earlier."""
    with _told(folder):
        for found in folder.glob(_UNFINISHED):
            if found.is_dir() and not found.is_symlink() and _changed(found) < now - _DAY:
                shutil.rmtree(found)


def thin(new: Path, now: datetime, days: int) -> int:
    """Remove backups beside `new` that are older than `days`, and the oldest of too many; how many were removed."""
    with _told(new.parent):
        gone = _outdated({file: made for file, made in _backups(new.parent) if file != new}, now - timedelta(days=days))
        for file in gone:
            file.unlink(missing_ok=True)
    return len(gone)


def _outdated(made: dict[Path, datetime], before: datetime) -> list[Path]:
    newest = sorted(made, key=made.__getitem__, reverse=True)
    old = (file for file in newest[FEWEST : MOST - 1] if made[file] < before)
    return [*old, *newest[MOST - 1 :]]


def _backups(folder: Path) -> Iterator[tuple[Path, datetime]]:
    for file in folder.iterdir():
        if file.is_file() and not file.is_symlink() and (made := _made(file.name)):
            yield file, made


def _made(name: str) -> datetime | None:
    """The time in a name; None where it has none."""
    if not _SHAPE.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _changed(found: Path) -> datetime:
    return datetime.fromtimestamp(found.stat().st_mtime, UTC)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"old backups in {folder} cannot be removed: {error.strerror}") from error
