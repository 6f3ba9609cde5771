"""The URL of a PostgreSQL database, as libpq writes it (PostgreSQL's manual, 34.1.1): several hosts, and options.

An unknown option is refused by name and never ignored, because it may be meant to protect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT = 5432

_SCHEME = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9]+)?", re.ASCII)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(?::(\d{1,5}))?", re.ASCII)
_PASSWORD = re.compile(r"(://[^:@/]*):[^@/]*@")
_TLS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ROLES = ("any", "read-write", "primary")
_SECONDS = ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_TEXTS = ("application_name", "options")
_PLACES = ("host", "port")
_READERS = ("standby", "prefer-standby", "read-only")
UNDERSTOOD = tuple(sorted(("sslmode", "target_session_attrs", "keepalives", *_SECONDS, *_FILES, *_TEXTS, *_PLACES)))


@dataclass(frozen=True, slots=True)
class PostgresqlUrl:
    """Where the database is, and how it is reached."""

    hosts: tuple[tuple[str, int], ...]
    """Names, addresses or folders of Unix sockets, each with a port."""
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    """Those of `UNDERSTOOD` but `host` and `port`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises `ValueError` with a sentence that repeats no password."""
        try:
            parts = urlsplit(text)
            given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise ValueError("the database URL cannot be read") from None
        if not _SCHEME.fullmatch(parts.scheme) or parts.fragment:
            raise ValueError("a database URL is postgresql://user@host/name; a # in a password is written %23")
        options = {name: value for name, value in given if name not in _PLACES}
        for name, value in options.items():
            _check(name, value)
        login, _, named = parts.netloc.rpartition("@")
        user, colon, password = login.partition(":")
        if not user:
            raise ValueError("a database URL names the user: postgresql://user@host/name")
        return cls(
            hosts=tuple(_hosts(named, given)),
            database=_database(parts, unquote(user)),
            user=unquote(user),
            password=unquote(password) if colon else None,
            options=options,
        )

    @property
    def connect_timeout(self) -> float | None:
        """Seconds for one host; None: not given."""
        seconds = float(self.options.get("connect_timeout", 0))
        return seconds or None


def without_password(text: str) -> str:
    """The URL as it may be shown."""
    return _PASSWORD.sub(r"\1@", text)


def is_postgresql(text: str) -> bool:
    """Whether a database URL is one of PostgreSQL."""
    return _SCHEME.fullmatch(text.partition("://")[0]) is not None and "://" in text


def _database(parts: SplitResult, user: str) -> str:
    return unquote(parts.path.removeprefix("/")) or user


def _hosts(named: str, given: list[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """From the URL's own place, or from `host`, which may stand several times or hold several."""
    others = [one for name, value in given if name == "host" for one in value.split(",")]
    ports = [one for name, value in given if name == "port" for one in value.split(",")]
    hosts = others or [unquote(one) for one in named.split(",")]
    if len(ports) not in {0, 1, len(hosts)}:
        raise ValueError("a database URL has one port, or one for each host")
    for at, host in enumerate(hosts):
        default = ports[0 if len(ports) == 1 else at] if ports else str(PORT)
        yield _host(host, default)


def _host(text: str, default: str) -> tuple[str, int]:
    found = ("", text, "") if text.startswith("/") else _HOST.fullmatch(text)
    port = (found[2] if found else "") or default
    if not found or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("a host of a database URL is a name or an address, with a port from 1 to 65535")
    return found[1].strip("[]") or "localhost", int(port)


def _check(name: str, value: str) -> None:
    if name not in UNDERSTOOD:
        raise ValueError(f"the option {name} of a database URL is not understood; these are: {', '.join(UNDERSTOOD)}")
    if name == "target_session_attrs" and value in _READERS:
        raise ValueError(f"target_session_attrs={value} finds a server that takes no writes, and the relay writes")
    choices = {"sslmode": _TLS, "target_session_attrs": _ROLES, "keepalives": ("0", "1")}.get(name)
    if choices and value not in choices:
        raise ValueError(f"the option {name} of a database URL is one of {', '.join(choices)}")
    if name in _SECONDS and not (value.isdecimal() and int(value) < 1 << 31):
        raise ValueError(f"the option {name} of a database URL is a whole number")
    if name in _FILES and not value.startswith("/"):
        raise ValueError(f"the option {name} of a database URL is the path of a file, from the root")
