"""The types of the configuration's files, folders and databases: paths are absolute, and can be read.

What a value needs to know about the machine is in `Surroundings`, pydantic's context. A validator raises `ValueError`
with a sentence for the person who wrote the file, and nothing else.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, InstanceOf, ValidationInfo

from relay.config.values import Kind
from relay.model.database_url import PostgresqlUrl, is_postgresql

_DATABASE = re.compile(r"sqlite(\+[a-z0-9]+)?:///[^?]+")
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+[a-z0-9]+)?:///)([^/].*)")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What values need to know of the file they stand in; handed over as pydantic's context."""

    folder: Path
    """The folder in which relative paths begin."""
    unreadable: Callable[[Path, bool], int | None] = lambda _path, _is_folder: None
    """The errno for a file (or folder) that cannot be read. The loader passes this and `exposed` in."""
    exposed: Callable[[Path], bool] = lambda _path: False
    """Whether users who are neither the owner nor of the group may read or write the file."""


@dataclass(frozen=True, slots=True)
class InDirectory:
    """`{ldap: N}`: the addresses in entry N of `lookup.ldap`."""

    number: int


def _existing(value: object, info: ValidationInfo) -> Path | InDirectory:
    if not isinstance(value, dict):
        return _readable_file(_absolute(value, info), info)
    number = value.get("ldap")
    if set(value) != {"ldap"} or not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError("has to be a file, or {ldap: N} with the number of an entry of lookup.ldap, from 0")
    return InDirectory(number)


def _absolute(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("has to be a path")
    return info.context.folder / value if isinstance(info.context, Surroundings) else Path(value)


def _readable(path: Path, info: ValidationInfo, *, folder: bool, excused: Container[int] = ()) -> Path:
    why = info.context.unreadable(path, folder) if isinstance(info.context, Surroundings) else None
    if why is not None and why not in excused:
        raise ValueError(f"{path} cannot be read: {os.strerror(why)}")
    return path


def _readable_file(path: Path, info: ValidationInfo) -> Path:
    return _readable(path, info, folder=False)


def _private_file(path: Path, info: ValidationInfo) -> Path:
    """A secret file. Its group may read it: systemd gives credentials by an access list, which shows as the group's."""
    _readable_file(path, info)
    if isinstance(info.context, Surroundings) and info.context.exposed(path):
        raise ValueError(f"{path} can be read by others: chmod 600 it")
    return path


def _others_secret(path: Path, info: ValidationInfo) -> Path:
    """A secret file of another process of ours. Only that process's user may read it; this one need not."""
    _readable(path, info, folder=False, excused=(errno.EACCES,))
    if isinstance(info.context, Surroundings) and info.context.exposed(path):
        raise ValueError(f"{path} can be read by others: chmod 600 it")
    return path


def _readable_folder(path: Path, info: ValidationInfo) -> Path:
    return _readable(path, info, folder=True)


def _possible_folder(path: Path, info: ValidationInfo) -> Path:
    """A folder that is there or can be made. A folder of another user gets an error of its own."""
    return _readable(path, info, folder=True, excused=(errno.ENOENT, errno.EACCES))


def _database(value: object, info: ValidationInfo) -> str:
    if isinstance(value, str) and is_postgresql(value):
        PostgresqlUrl.parse(value)
        return value
    if not isinstance(value, str) or not _DATABASE.fullmatch(value) or ":memory:" in value:
        raise ValueError("a database is sqlite:///file or postgresql://user@host/name, and outlives a restart")
    relative = _RELATIVE_SQLITE.fullmatch(value)
    if relative and isinstance(info.context, Surroundings):
        return f"{relative[1]}{info.context.folder / relative[2]}"
    return value


def _database_or_file(value: object, info: ValidationInfo) -> str | Path:
    return _database(value, info) if isinstance(value, str) and "://" in value else _absolute(value, info)


DatabaseUrl = Annotated[str, BeforeValidator(_database), Kind("URL")]
DatabasePlace = Annotated[str | InstanceOf[Path], BeforeValidator(_database_or_file), Kind("path or URL")]
File = Annotated[InstanceOf[Path], BeforeValidator(_absolute), AfterValidator(_readable_file), Kind("file")]
Existing = Annotated[
    InstanceOf[Path] | InstanceOf[InDirectory], BeforeValidator(_existing), Kind("file, or `{ldap: N}`")
]
SecretFile = Annotated[InstanceOf[Path], BeforeValidator(_absolute), AfterValidator(_private_file), Kind("file")]
OthersSecret = Annotated[InstanceOf[Path], BeforeValidator(_absolute), AfterValidator(_others_secret), Kind("file")]
Folder = Annotated[InstanceOf[Path], BeforeValidator(_absolute), AfterValidator(_readable_folder), Kind("folder")]
FolderToBe = Annotated[InstanceOf[Path], BeforeValidator(_absolute), AfterValidator(_possible_folder), Kind("path")]
