"""Finds the files that are meant: paths as given, folders with all that is below them.

Links are followed; a folder that leads back into itself is told and not entered again. What cannot be read is
a `Refusal`, never an exception.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from relay.admin.key_import.result import Refusal
from relay.admin.key_import.splitter import EMPTY
from relay.admin.owner import Descriptor

STDIN = "-"
LARGEST_FILE = 1 << 30

_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class File:
    """A file to read."""

    place: str
    """What people are told."""
    size: int = 0
    """0 where it shows only on reading: standard input, a pipe."""
    opener: Callable[[], int] | None = None
    """Opens it and returns the descriptor; None: by its place."""

    def open(self) -> BinaryIO:
        """Open it for reading. Raises `OSError`."""
        return os.fdopen(self.descriptor(), "rb")

    def descriptor(self) -> int:
        """The same as a bare descriptor."""
        return self.opener() if self.opener else Descriptor(os.open(self.place, os.O_RDONLY | os.O_CLOEXEC))


def survey(paths: Iterable[str | Path]) -> list[File | Refusal]:
    """All files behind these paths, in a stable order; `-` is standard input."""
    return [found for path in paths for found in _find(str(path))]


def _find(path: str) -> Iterator[File | Refusal]:
    if path == STDIN:
        yield File(STDIN)
        return
    seen: set[_Identity] = set()
    waiting: list[tuple[str, frozenset[_Identity]]] = [(path, frozenset())]
    while waiting:
        place, above = waiting.pop()
        try:
            status = os.stat(place)  # noqa: PTH116 - a Path for each of a million files
            if not stat.S_ISDIR(status.st_mode):
                yield _file(place, status)
                continue
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                yield Refusal(place, 0, "This link leads back to a folder above it, and was not followed.")
            if identity in seen:
                continue
            seen.add(identity)
            inside = sorted(os.listdir(place), reverse=True)  # noqa: PTH208 - names are all we need
        except OSError as error:
            yield Refusal(place, 0, unreadable(error))
            continue
        if not inside and place == path:
            yield Refusal(place, 0, "This folder is empty.")
        waiting += [(os.path.join(place, name), above | {identity}) for name in inside]  # noqa: PTH118 - as above


def _file(place: str, status: os.stat_result) -> File | Refusal:
    if stat.S_ISREG(status.st_mode):
        if status.st_size > LARGEST_FILE:
            return Refusal(place, 0, "This file is larger than 1 GiB: split it.")
        return File(place, status.st_size) if status.st_size else Refusal(place, 0, EMPTY)
    if stat.S_ISFIFO(status.st_mode):
        return File(place)
    return Refusal(place, 0, "This is no file.")


def unreadable(error: OSError) -> str:
    """Why a file cannot be read, in one sentence."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "There is no such file or folder."
        case PermissionError():
            return "You may not read this: check its owner and permissions."
        case OSError(errno=errno.ELOOP):
            return "This link leads back to itself."
        case _:
            return "This cannot be read: the disk or the network folder fails."
