"""A session with PostgreSQL: the host that takes writes, the password as it is now, and what every session is set to.

All hosts of a URL are tried at once, and the first that answers as it should is used. A session cannot delay others for
long: waiting for a lock ends after a time, and the server ends idle transactions and connections whose other end is
gone. Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg

from relay.model.database_url import PostgresqlUrl
from relay.model.errors import StoreError
from relay.store import sqlstate

Connection = Any  # asyncpg has no types

FIRST_VERSION = 140000
"""PostgreSQL 14 was the first that ends idle sessions (idle_session_timeout)."""
CONNECT_SECONDS = 4.0
FORGOTTEN_SECONDS = 4.0
"""A transaction whose process has said nothing for so long is ended."""
LOCK_SECONDS = 4.0
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
"""Seconds, probes and milliseconds, where the URL says nothing else."""
APPLICATION = "pgp-relay"

_TLS_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_SOCKET_OPTIONS = {
    "keepalives_idle": socket.TCP_KEEPIDLE,
    "keepalives_interval": socket.TCP_KEEPINTVL,
    "keepalives_count": socket.TCP_KEEPCNT,
    "tcp_user_timeout": socket.TCP_USER_TIMEOUT,
}
_FACTS = """pg_backend_pid() AS pid, pg_is_in_recovery() AS standby,
    current_setting('transaction_read_only') = 'on' AS read_only,
    current_setting('server_version_num')::int AS version"""


@dataclass(frozen=True, slots=True)
class Sessions:
    """`connect` to the database of a URL. `busy_seconds`: how long a statement may wait for others."""

    url: PostgresqlUrl
    busy_seconds: float
    password_file: Path | None = None

    async def connect(self, *, writes: bool = True, more: Mapping[str, str] = {}) -> Connection:
        """A session with the settings of all, and `more`; `writes`: with a server that takes them.

        Where the URL names several hosts, or says what it wants, that counts.
        """
        trying = {asyncio.create_task(self._connected(host, port, more)) for host, port in self.url.hosts}
        refused = StoreError("no server of the database takes writes")
        fault: BaseException | None = None
        try:
            while trying:
                done, trying = await asyncio.wait(trying, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if (error := task.exception()) is not None:
                        fault = error
                    elif self._suits(task.result()[1], writes=writes):
                        return task.result()[0]
                    else:
                        task.result()[0].terminate()
                        fault = fault or refused
        finally:
            for task in trying:
                task.add_done_callback(_discard)
                task.cancel()
        raise fault if isinstance(fault, StoreError) else StoreError("the store cannot be used") from None

    def _suits(self, facts: Mapping[str, Any], *, writes: bool) -> bool:
        wanted = self.url.options.get("target_session_attrs", "primary" if len(self.url.hosts) > 1 else "any")
        if wanted == "read-write" or (writes and len(self.url.hosts) > 1):
            return not (facts["standby"] or facts["read_only"])
        return wanted == "any" or not facts["standby"]

    async def _connected(self, host: str, port: int, more: Mapping[str, str]) -> tuple[Connection, Mapping[str, Any]]:
        try:
            async with asyncio.timeout(self.url.connect_timeout or min(CONNECT_SECONDS, self.busy_seconds)):
                connection = await asyncpg.connect(
                    self._tls(),
                    host=host,
                    port=port,
                    user=self.url.user,
                    password=self._password(),
                    database=self.url.database,
                    server_settings=self._startup(),
                    timeout=None,
                )
                try:
                    self._keep_alive(connection)
                    facts = await self._prepare(connection, more)
                except BaseException:
                    connection.terminate()
                    raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            raise StoreError(said(error)) from None
        if facts["version"] < FIRST_VERSION:
            connection.terminate()
            raise StoreError("the database is older than PostgreSQL 14")
        return connection, facts

    def _tls(self) -> str:
        """The part of the URL that asyncpg reads only from a URL."""
        given = {name: self.url.options[name] for name in _TLS_OPTIONS if name in self.url.options}
        return f"postgresql://?{urlencode(given)}" if given else "postgresql://"

    def _startup(self) -> dict[str, str]:
        told = {"application_name": self.url.options.get("application_name", APPLICATION)}
        return told | ({"options": self.url.options["options"]} if "options" in self.url.options else {})

    def _password(self) -> str | None:
        """Read for each session: a password that was changed needs no restart."""
        if self.password_file is None:
            return self.url.password
        try:
            return self.password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeError):
            raise StoreError("database_password_file cannot be read") from None

    def _keep_alive(self, connection: Connection) -> None:
        """Have the kernel find out that the other end is gone. A Unix socket needs none of it."""
        raw = connection._transport.get_extra_info("socket")  # noqa: SLF001  asyncpg gives no other way to its socket
        if raw is None or raw.family not in {socket.AF_INET, socket.AF_INET6}:
            return
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(self.url.options.get("keepalives", "1")))
        for name, option in _SOCKET_OPTIONS.items():
            raw.setsockopt(socket.IPPROTO_TCP, option, int(self.url.options.get(name, KEEPALIVE[name])))

    async def _prepare(self, connection: Connection, more: Mapping[str, str]) -> Mapping[str, Any]:
        """One statement, and no startup parameters: a pooler refuses those that it does not know."""
        settings = {**self._settings(), **more}
        calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
        row = await connection.fetchrow(f"SELECT {calls}, {_FACTS}")
        return dict(row)

    def _settings(self) -> dict[str, str]:
        lock = min(LOCK_SECONDS, 0.8 * self.busy_seconds)
        return {
            "default_transaction_isolation": "read committed",
            "idle_in_transaction_session_timeout": f"{FORGOTTEN_SECONDS * 1000:.0f}",
            "lock_timeout": f"{lock * 1000:.0f}",
            "tcp_keepalives_idle": str(KEEPALIVE["keepalives_idle"]),
            "tcp_keepalives_interval": str(KEEPALIVE["keepalives_interval"]),
            "tcp_keepalives_count": str(KEEPALIVE["keepalives_count"]),
            "tcp_user_timeout": str(KEEPALIVE["tcp_user_timeout"]),
        }


def said(error: BaseException) -> str:
    """The error of a driver in our words."""
    found = sqlstate.words(str(getattr(error, "sqlstate", "") or ""))
    if found:
        return found
    if isinstance(error, asyncpg.ClientConfigurationError):
        return "the options of the database URL cannot be used: see sslmode and its files"
    return "the database does not answer" if isinstance(error, TimeoutError) else "the store cannot be used"


def _discard(task: asyncio.Task[tuple[Connection, Mapping[str, Any]]]) -> None:
    """A session that came after another one was taken."""
    with suppress(asyncio.CancelledError, StoreError):
        task.result()[0].terminate()
