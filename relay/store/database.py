"""Access to the database, SQLite in WAL mode or PostgreSQL: reads and writes. It knows no tables.

Work is a function of a connection; it runs to its end even where its caller is cancelled, so that a deadline never
leaves half a transaction behind. Each statement of a read sees one snapshot. Each write is one transaction. `write`
runs one at a time over all processes, so that nothing changes between what it reads and what it writes. `write_beside`
does not wait for others on PostgreSQL: its statements have to be right whatever runs beside them. It is for what every
mail writes. On SQLite both are the same.

PostgreSQL is reached over a network that may fall silent. Reads and `write_beside` wait `busy_seconds` for it, and
`SILENT_SECONDS` once one of them has waited in vain, until one is answered again; then they stop waiting for it.

On SQLite `synchronous` is FULL: WAL's usual NORMAL loses the last commits when the power fails, and a ledger
entry lost there is a mail sent twice. Callers that wait share a commit (`relay.store.batch`). SQLite runs in
threads, each piece of work in one of them: a driver that changes threads for every statement cost more than SQLite.

Raises `StoreError`, and nothing else.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from relay.model.database_url import PostgresqlUrl, is_postgresql
from relay.model.errors import StoreError
from relay.store import sqlite
from relay.store.connection import READERS, ConnectionPool
from relay.store.faults import translated

if TYPE_CHECKING:
    from relay.store.session import Sessions

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""Seconds that a write waits for the write of another process."""

SILENT_SECONDS = 1.5
LONGEST_WRITE = 600.0
"""Seconds for a change that no mail waits for: thousands of keys are imported in one."""

_SQLITE = "sqlite"


@dataclass(frozen=True, slots=True)
class Network:
    """How a database on another machine is reached, beside its URL."""

    node: str = ""
    """The name of this machine among those that share it."""
    readers: int = READERS
    password_file: Path | None = None


NO_NETWORK = Network()


class Database:
    """Made by `open`; `read` and `write` until `close`."""

    def __init__(
        self, reader: ConnectionPool, writer: ConnectionPool, patience: float | None, sessions: Sessions | None = None
    ) -> None:
        """`patience`: seconds that reads and `write_beside` wait; None: until they are done."""
        self.sessions = sessions
        """Of a database that several machines may use."""
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._silent = False
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

    @classmethod
    async def open(
        cls,
        url_or_path: str | Path,
        *,
        busy_seconds: float = BUSY_SECONDS,
        network: Network = NO_NETWORK,
        overwrite: bool = False,
    ) -> Database:
        """Connect; a SQLite file that is missing is made, for its owner alone (0600).

        `overwrite`: SQLite fills with zeros what is removed.
        """
        if is_postgresql(str(url_or_path)):
            return _on_postgresql(str(url_or_path), busy_seconds, network)
        url = _url(url_or_path)
        with translated():
            await asyncio.to_thread(sqlite.make_file, url)
            database = cls(*sqlite.open_pools(url, busy_seconds, overwrite=overwrite), patience=None)
        try:
            await database.read(partial(sqlite.use_wal, patience=busy_seconds))
        except StoreError:
            await database.close()
            raise
        return database

    @property
    def is_shared(self) -> bool:
        """Whether several machines may use it."""
        return self.sessions is not None

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that reads; there is no transaction around it."""
        return await self._bounded(self._run(self._reader, work))

    async def write(self, work: Callable[[Connection], T], lock: str = "store") -> T:
        """Run work as one transaction; on disk when this returns, not done at all when it raises.

        `lock`: no other work under this word runs meanwhile, on any machine.
        """
        task = self._begun(self._run(self._writer, work, lock))
        if self._patience is None:
            return await asyncio.shield(task)
        await asyncio.wait({task}, timeout=LONGEST_WRITE)
        return _result(task)

    async def write_beside(self, work: Callable[[Connection], T]) -> T:
        """The same, while others write."""
        return await self._bounded(self._run(self._writer, work))

    async def write_at_once(self, statement: Callable[[Connection], object]) -> bool:
        """The same with work that is one statement: no transaction around it, whose begin and end a server is told.

        False where a constraint of the tables refuses it: nothing is written.
        """
        return await self._bounded(self._run_alone(statement))

    async def close(self) -> None:
        """Let what runs finish, then release every connection and thread."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=self._patience)
        for task in self._running:
            task.cancel()
        with translated():
            await self._reader.close()
            await self._writer.close()

    async def _run(self, pool: ConnectionPool, work: Callable[[Connection], T], lock: str = "") -> T:
        with translated():
            return await pool.run(work, lock)

    async def _run_alone(self, statement: Callable[[Connection], object]) -> bool:
        with translated():
            return await self._writer.run_alone(statement)

    async def _bounded(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = self._begun(coroutine)
        if self._patience is None:
            return await asyncio.shield(task)
        longest = min(self._patience, SILENT_SECONDS if self._silent else math.inf)
        done, _ = await asyncio.wait({task}, timeout=longest)
        self._silent = not done
        return _result(task)

    def _begun(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        if self._closed:
            coroutine.close()
            raise StoreError("the store is closed")
        task = asyncio.ensure_future(coroutine)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, where nobody waits for it any more


def _result(task: asyncio.Task[T]) -> T:
    """The result of the task; a task that is not done is cancelled."""
    if not task.done():
        task.cancel()
        raise StoreError("the store does not answer")
    return task.result()


def _url(url_or_path: str | Path) -> URL:
    """The URL of a SQLite file. Raises `StoreError` for another database."""
    text = str(url_or_path)
    if "://" not in text:
        return URL.create(_SQLITE, database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("the database URL cannot be read") from None
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"} or url.host:
        raise StoreError("the database is SQLite in a file, or PostgreSQL")
    return url.set(drivername=_SQLITE)


def file_of(url_or_path: str | Path) -> Path | None:
    """The SQLite file of a URL or path; None for PostgreSQL. Raises `StoreError` for a URL of anything else."""
    if is_postgresql(str(url_or_path)):
        return None
    url = _url(url_or_path)
    if url.query:
        raise StoreError("the database is SQLite in a file, or PostgreSQL: sqlite:///file has no options")
    return Path(url.database or "")


def _on_postgresql(url: str, busy_seconds: float, network: Network) -> Database:
    from relay.store.postgresql import open_pools  # noqa: PLC0415  loads the ORM, which SQLite does not need
    from relay.store.session import Sessions  # noqa: PLC0415  loads its driver

    try:
        sessions = Sessions(PostgresqlUrl.parse(url), busy_seconds, network.password_file)
    except ValueError as error:
        raise StoreError(str(error)) from None
    with translated():
        return Database(*open_pools(sessions, network.readers, network.node), patience=busy_seconds, sessions=sessions)
