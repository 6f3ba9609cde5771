"""The connection to the database, SQLite in WAL mode or PostgreSQL: reads, writes, and nothing of tables.

Work is a plain function of a connection; it runs to its end even where its caller is cancelled, so that a
deadline never leaves half a transaction behind. Reads see one statement's snapshot. Writes are one
transaction each and one at a time over all processes, so that what a write reads is what it changes.

On SQLite `synchronous` is FULL: WAL's usual NORMAL loses the last commits when the power fails, and a ledger
entry lost there is a mail sent twice. Commits are shared by those who wait (`relay.keys.store.batch`).

Raises `StoreError`, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from relay.errors import StoreError
from relay.keys.store.fault import translated

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""How long a write waits for another process's."""
READERS = 4

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_ONE_WRITER = 0x7067702D  # any number: the advisory lock that is PostgreSQL's BEGIN IMMEDIATE


class Database:
    """Made by `open`; `read` and `write` until `close`."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        self._reader = reader
        self._writer = writer
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False

    @classmethod
    async def open(cls, url_or_path: str | Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
        """Connect; a SQLite file that is missing is made, for its owner alone (0600)."""
        url = _url(url_or_path)
        sqlite = url.get_backend_name() == "sqlite"
        with translated():
            if sqlite:
                await asyncio.to_thread(_make_file, url)
            database = cls(*_engines(url, sqlite=sqlite, busy_seconds=busy_seconds))
        try:
            if sqlite:
                await database.read(_use_wal)
        except StoreError:
            await database.close()
            raise
        return database

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run reading work; statements commit by themselves."""
        return await self._finish(self._read(work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run work as one transaction; on disk when this returns, not done at all when it raises."""
        return await self._finish(self._write(work))

    async def close(self) -> None:
        """Let what runs finish, then release every connection and thread."""
        self._closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        with translated():
            await self._reader.dispose()
            await self._writer.dispose()

    async def _read(self, work: Callable[[Connection], T]) -> T:
        with translated():
            async with self._reader.connect() as connection:
                return await connection.run_sync(work)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        with translated():
            async with self._writer.begin() as connection:
                return await connection.run_sync(work)

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
    """The SQLite file that is meant; None for PostgreSQL."""
    url = _url(url_or_path)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _make_file(url: URL) -> None:
    # Never opened by us where it exists: closing a second descriptor would drop SQLite's locks (POSIX).
    path = url.database or ""
    if not path.startswith("file:") and not Path(path).exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    # Tried here first: a connection that fails leaves aiosqlite's thread behind, to trip over a closed event loop.
    (database,), options = url.get_dialect()().create_connect_args(url)
    sqlite3.connect(database, uri=options.get("uri", False)).close()


def _engines(url: URL, *, sqlite: bool, busy_seconds: float) -> tuple[AsyncEngine, AsyncEngine]:
    times = {"timeout": busy_seconds} | ({} if sqlite else {"command_timeout": busy_seconds})
    shared: dict[str, Any] = {
        "connect_args": times,
        "hide_parameters": True,
        "pool_pre_ping": not sqlite,
        "pool_timeout": 2 * busy_seconds,
        "max_overflow": 0,
    }
    reader = create_async_engine(
        url, pool_size=READERS, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True, **shared
    )
    writer = create_async_engine(url, pool_size=1, **shared)
    if sqlite:
        event.listen(writer.sync_engine, "connect", _prepare_writer)
    event.listen(writer.sync_engine, "begin", _begin_immediate if sqlite else _begin_alone)
    return reader, writer


def _prepare_writer(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # or sqlite3 would begin transactions of its own, too late
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_alone(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_WRITER})")


def _use_wal(connection: Connection) -> None:
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal":
        return
    if connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one() != "wal":
        raise StoreError("the store's file system cannot hold a SQLite database in WAL mode")
