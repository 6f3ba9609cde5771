"""Access to the database, SQLite in WAL mode or PostgreSQL: reads and writes. It knows no tables.

Work is a function of a connection; it runs to its end even where its caller is cancelled, so that a deadline never
leaves half a transaction behind. Each statement of a read sees one snapshot. Each write is one transaction, and there
is one at a time over all processes, so that nothing changes between what a write reads and what it writes.

On SQLite `synchronous` is FULL: WAL's usual NORMAL loses the last commits when the power fails, and a ledger
entry lost there is a mail sent twice. Callers that wait share a commit (`relay.store.batch`). SQLite runs in
threads, each piece of work in one of them: a driver that changes threads for every statement cost more than SQLite.

Raises `StoreError`, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError

from relay.model.errors import StoreError
from relay.store.connection import READER_OPTIONS, READERS, ConnectionPool, pool_options
from relay.store.faults import translated

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""Seconds that a write waits for the write of another process."""

WAL_OCTETS = 8 << 20
"""Octets to which SQLite truncates its write-ahead log once no reader needs an old state."""

TAKEN_AWAY = "the store's file was taken away or replaced: put it back, or restart the relay"

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+asyncpg"}


class _File:
    """The file that was opened. SQLite goes on with a file that was removed or replaced, and what it writes is lost."""

    def __init__(self, path: str) -> None:
        self._path = "" if path.startswith("file:") else path
        self._opened = self._identity()

    def check(self) -> None:
        """Raises `StoreError` where the path leads to no file, or to another."""
        try:
            there = self._identity()
        except OSError:
            there = None
        if there != self._opened:
            raise StoreError(TAKEN_AWAY)

    def _identity(self) -> tuple[int, int] | None:
        if not self._path:
            return None
        facts = os.stat(self._path)  # noqa: PTH116  before every piece of work
        return facts.st_dev, facts.st_ino


class _SqlitePool:
    """SQLite connections in threads."""

    def __init__(self, engine: Engine, file: _File, *, size: int, transactions: bool) -> None:
        self._engine = engine
        self._file = file
        self._open = engine.begin if transactions else engine.connect
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="store")

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        self._file.check()
        with self._open() as connection:
            return work(connection)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()


class Database:
    """Made by `open`; `read` and `write` until `close`."""

    def __init__(self, reader: ConnectionPool, writer: ConnectionPool) -> None:
        self._reader = reader
        self._writer = writer
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

    @classmethod
    async def open(
        cls, url_or_path: str | Path, *, busy_seconds: float = BUSY_SECONDS, overwrite: bool = False
    ) -> Database:
        """Connect; a SQLite file that is missing is made, for its owner alone (0600).

        `overwrite`: SQLite fills with zeros what is removed.
        """
        url = _url(url_or_path)
        sqlite = url.get_backend_name() == "sqlite"
        with translated():
            if sqlite:
                await asyncio.to_thread(_make_file, url)
            pools = _sqlite_pools(url, busy_seconds, overwrite) if sqlite else _postgresql_pools(url, busy_seconds)
            database = cls(*pools)
        try:
            if sqlite:
                await database.read(_use_wal)
        except StoreError:
            await database.close()
            raise
        return database

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run work that reads; there is no transaction around it."""
        return await self._finish(self._run(self._reader, work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work as one transaction; on disk when this returns, not done at all when it raises."""
        return await self._finish(self._run(self._writer, work))

    async def close(self) -> None:
        """Let what runs finish, then release every connection and thread."""
        self._closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        with translated():
            await self._reader.close()
            await self._writer.close()

    async def _run(self, pool: ConnectionPool, work: Callable[[Connection], T]) -> T:
        with translated():
            return await pool.run(work)

    def _finish(self, coroutine: Coroutine[Any, Any, T]) -> Awaitable[T]:
        if self._closed:
            coroutine.close()
            raise StoreError("the store is closed")
        task = asyncio.ensure_future(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return asyncio.shield(task)


def _url(url_or_path: str | Path) -> URL:
    text = str(url_or_path)
    if "://" not in text:
        return URL.create(_DRIVERS["sqlite"], database=text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("the database URL cannot be read") from None
    backend = url.get_backend_name()
    if backend not in _DRIVERS or (backend == "sqlite" and url.database in {None, "", ":memory:"}):
        raise StoreError("the database is SQLite in a file, or PostgreSQL")
    return url.set(drivername=_DRIVERS[backend])


def file_of(url_or_path: str | Path) -> Path | None:
    """The SQLite file of a URL or path; None for PostgreSQL."""
    url = _url(url_or_path)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _make_file(url: URL) -> None:
    # Never opened by us where it exists: closing a second descriptor would drop SQLite's locks (POSIX).
    path = url.database or ""
    if not path.startswith("file:") and not Path(path).exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _sqlite_pools(
    url: URL,
    busy_seconds: float,
    overwrite: bool,  # noqa: FBT001  as `open` has it
) -> tuple[ConnectionPool, ConnectionPool]:
    shared = {"connect_args": {"timeout": busy_seconds}, **pool_options(busy_seconds)}
    reader, writer = create_engine(url, **READER_OPTIONS, **shared), create_engine(url, pool_size=1, **shared)
    event.listen(writer, "connect", _prepare_writer)
    if overwrite:
        event.listen(writer, "connect", _overwrite_removed)
    event.listen(writer, "begin", _begin_immediate)
    file = _File(url.database or "")
    return _SqlitePool(reader, file, size=READERS, transactions=False), _SqlitePool(
        writer, file, size=1, transactions=True
    )


def _postgresql_pools(url: URL, busy_seconds: float) -> tuple[ConnectionPool, ConnectionPool]:
    from relay.store.postgresql import open_pools  # noqa: PLC0415  loads the ORM, which SQLite does not need

    return open_pools(url, busy_seconds)


def _prepare_writer(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # or sqlite3 would begin transactions of its own, too late
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA journal_size_limit={WAL_OCTETS}")
    cursor.close()


def _overwrite_removed(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _use_wal(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal":
        return
    if connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one() != "wal":
        raise StoreError("the store's file system cannot hold a SQLite database in WAL mode")
