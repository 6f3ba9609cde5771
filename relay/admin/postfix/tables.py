"""The tables that Postfix's settings name, read from their source files (postmap(1), DATABASE_README).

Lines are logical ones: comments left out, continued lines joined. A source that is missing, or larger than 16 MiB,
cannot be read; what is looked up by a server (LDAP, SQL, a socket) neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

LARGEST = 16 << 20
"""Octets of one source."""

_INDEXED = r"hash|btree|lmdb|cdb|dbm|sdbm|texthash"
_FILE = re.compile(rf"\b(?:{_INDEXED}|regexp|pcre|cidr):(/[^\s,{{}}]+)")
_KEYED = re.compile(rf"\b(?:{_INDEXED}):(/[^\s,{{}}]+)")
_ELSEWHERE = re.compile(r"\b((?:ldap|mysql|pgsql|sqlite|memcache|nis|nisplus|tcp|socketmap):[^\s,{}]+)")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_CONTINUED = re.compile(r"\n[ \t]+")


def files(value: str) -> list[Path]:
    """The sources of the tables in a setting."""
    return list(map(Path, dict.fromkeys(_FILE.findall(value))))


def elsewhere(value: str) -> list[str]:
    """The tables in it that have no source to read."""
    return list(dict.fromkeys(_ELSEWHERE.findall(value)))


def source(table: Path) -> str | None:
    """The logical lines of a table's source; None if it cannot be read."""
    try:
        with table.open("rb") as file:
            octets = file.read(LARGEST + 1)
    except OSError:
        return None
    if len(octets) > LARGEST:
        return None
    text = "".join(line for line in octets.decode("utf-8", "replace").splitlines(keepends=True) if line[:1] != "#")
    return _CONTINUED.sub(" ", text)


def rows(value: str) -> Iterator[tuple[str, str]]:
    """Key and value of each row of the tables in a setting that have keys."""
    for path in dict.fromkeys(_KEYED.findall(value)):
        for line in filter(str.strip, (source(Path(path)) or "").splitlines()):
            key, *right = line.split(maxsplit=1)
            yield key, "".join(right)


def listed(value: str) -> Iterator[str]:
    """The names that a setting lists itself, or in tables with keys."""
    yield from (word for word in re.split(r"[\s,]+", value) if _NAME.fullmatch(word))
    yield from (key for key, _ in rows(value))
