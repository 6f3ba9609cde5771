"""A backup as one tar file: `manifest.json` first, then what it names, each with its size and SHA-256.

`write` never replaces a file, makes one that only its owner can read, and leaves it complete on disk or not at all.
`unpack` raises `BackupError` for an unexpected name, a link, a sparse file, a size or digest that differs from the
manifest, a second file of a name, and an archive that is cut short; what was unpacked by then lies in the folder, which
the caller removes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from relay.admin.backup.new_file import NewFile, taken, unwritable
from relay.model.errors import BackupError

FORMAT = 1
MANIFEST = "manifest.json"
MOST_FILES = 1000

_LARGEST_MANIFEST = 4 << 20
_CHUNK = 1 << 20
_NONE = "this is no backup of pgp-relay"
_FOREIGN = f"{_NONE}: it contains a file that does not belong in a backup"
_SPOILT = "the backup is cut short or was altered"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    made: str
    """When, ISO 8601."""
    version: str
    """Of the program that made it."""
    files: Mapping[str, tuple[int, str]]
    """Name -> octets, SHA-256 in hex."""


def write(new: NewFile, manifest: Mapping[str, str], files: Mapping[str, bytes | Path]) -> int:
    """Fill the file and give it its name; its size. Raises `BackupError`, also where the name is taken."""
    try:
        _fill(new.file, manifest, files)
        new.publish()
        return os.fstat(new.file.fileno()).st_size
    except FileExistsError:
        raise BackupError(taken(new.target)) from None
    except OSError as error:
        raise unwritable(new.target, error) from error


@contextmanager
def opened(source: Path) -> Iterator[BinaryIO]:
    """The file, if it is one."""
    try:
        if not source.is_file():
            raise BackupError(f"{source}: there is no such file")
        with source.open("rb") as file:
            yield file
    except OSError as error:
        raise BackupError(f"{source} cannot be read: {error.strerror}") from error


def unpack(source: BinaryIO, folder: Path, largest: Callable[[str], int | None]) -> Manifest:
    """Unpack its files into `folder`. `largest` returns the most octets for a name; None: the name is not expected."""
    try:
        archive = tarfile.open(fileobj=source, mode="r|")  # noqa: SIM115  closed just below
    except (tarfile.TarError, ValueError, EOFError):
        raise BackupError(_NONE) from None
    try:
        with archive:
            members = iter(archive)
            manifest = _manifest(archive, next(members, None))
            for name, (size, _) in manifest.files.items():
                if (most := largest(name)) is None or size > most:
                    raise BackupError(_FOREIGN)
            _unpack_all(archive, members, manifest, folder)
            return manifest
    except (tarfile.TarError, ValueError, EOFError):
        raise BackupError(_SPOILT) from None


def _fill(file: BinaryIO, manifest: Mapping[str, str], files: Mapping[str, bytes | Path]) -> None:
    told = {name: dict(zip(("size", "sha256"), _measured(file), strict=True)) for name, file in files.items()}
    head = json.dumps({"format": FORMAT, **manifest, "files": told}, indent=1).encode()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in {MANIFEST: head, **files}.items():
            with _reading(content) as octets:
                archive.addfile(_info(name, octets), octets)
    file.flush()
    os.fsync(file.fileno())


def _info(name: str, octets: IO[bytes]) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = octets.seek(0, os.SEEK_END)
    octets.seek(0)
    info.mode, info.mtime = 0o600, time.time()
    return info


def _reading(content: bytes | Path) -> io.BufferedReader | io.BytesIO:
    return content.open("rb") if isinstance(content, Path) else io.BytesIO(content)


def _measured(content: bytes | Path) -> tuple[int, str]:
    with _reading(content) as octets:
        digest = hashlib.file_digest(octets, "sha256").hexdigest()
        return octets.seek(0, os.SEEK_END), digest


def _manifest(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> Manifest:
    if member is None or not _is_plain(member) or member.name != MANIFEST or member.size > _LARGEST_MANIFEST:
        raise BackupError(_NONE)
    octets = _content(archive, member).read()
    if len(octets) != member.size:
        raise BackupError(_SPOILT)
    try:
        told = json.loads(octets)
        if told["format"] != FORMAT:
            raise BackupError("the backup was made by a newer version of pgp-relay")
        files = {str(name): _measure(value) for name, value in told["files"].items()}
        made = Manifest(str(told["made"]), str(told["version"]), files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BackupError(_NONE) from None
    if len(files) > MOST_FILES:
        raise BackupError(f"{_NONE}: it holds too many files")
    return made


def _measure(value: dict[str, Any]) -> tuple[int, str]:
    size = value["size"]
    if type(size) is not int or size < 0:  # true is an int, Infinity a float
        raise ValueError("no number of octets")
    return size, str(value["sha256"])


def _unpack_all(archive: tarfile.TarFile, members: Iterator[tarfile.TarInfo], manifest: Manifest, folder: Path) -> None:
    missing = dict(manifest.files)
    for member in members:
        expected = missing.pop(member.name, None)
        if expected is None or not _is_plain(member):
            raise BackupError(_FOREIGN)
        if member.size != expected[0] or _copy(_content(archive, member), folder / member.name) != expected[1]:
            raise BackupError(_SPOILT)
    if missing:
        raise BackupError(_SPOILT)


def _is_plain(member: tarfile.TarInfo) -> bool:
    """A file with octets of its own: no link, device, folder or hole."""
    return member.type == tarfile.REGTYPE and not member.issparse()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Any:  # noqa: ANN401  a reader of tarfile's own
    return archive.extractfile(member)


def _copy(octets: BinaryIO, to: Path) -> str:
    digest = hashlib.sha256()
    to.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as file:
        while chunk := octets.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
