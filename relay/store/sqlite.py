"""SQLite as the store: a file in WAL mode, read and written by threads. Raises what `relay.store.faults` translates."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError, OperationalError

from relay.model.errors import StoreError
from relay.store.connection import READERS, ConnectionPool, pool_options, reader_options

T = TypeVar("T")

WAL_OCTETS = 8 << 20
"""Octets to which SQLite truncates its write-ahead log once no reader needs an old state."""

ASKED_FOR = 4
"""Milliseconds after which SQLite is called again while another process writes. Within one call, SQLite's pauses grow
from 1 ms to 100, and a process that wrote again and again kept another one waiting for more than half a second."""

TAKEN_AWAY = "the store's file was taken away or replaced: put it back, or restart the relay"


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

    async def run(self, work: Callable[[Connection], T], lock: str = "") -> T:
        del lock  # SQLite has one writer
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    async def run_alone(self, statement: Callable[[Connection], object]) -> bool:
        try:
            await self.run(statement)
        except IntegrityError:
            return False
        return True

    def _run(self, work: Callable[[Connection], T]) -> T:
        self._file.check()
        with self._open() as connection:
            return work(connection)

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()


def make_file(url: URL) -> None:
    """Where there is none: for its owner alone."""
    # Never opened by us where it exists: closing a second descriptor would drop SQLite's locks (POSIX).
    path = url.database or ""
    if not path.startswith("file:") and not Path(path).exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def open_pools(url: URL, busy_seconds: float, *, overwrite: bool = False) -> tuple[ConnectionPool, ConnectionPool]:
    """The connections for reading, and the one for writing. `overwrite`: what is removed is filled with zeros."""
    shared = {"connect_args": {"timeout": busy_seconds}, **pool_options(busy_seconds)}
    reader, writer = create_engine(url, **reader_options(), **shared), create_engine(url, pool_size=1, **shared)
    event.listen(writer, "connect", _prepare_writer)
    if overwrite:
        event.listen(writer, "connect", _overwrite_removed)
    event.listen(writer, "begin", _Turn(busy_seconds).begin)
    file = _File(url.database or "")
    return _SqlitePool(reader, file, size=READERS, transactions=False), _SqlitePool(
        writer, file, size=1, transactions=True
    )


def _prepare_writer(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None  # or sqlite3 would begin transactions of its own, too late
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={ASKED_FOR}")
    cursor.execute(f"PRAGMA journal_size_limit={WAL_OCTETS}")
    cursor.close()


def _overwrite_removed(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


class _Turn:
    """Waits for SQLite's write lock, which one process has at a time."""

    def __init__(self, patience: float) -> None:
        self._patience = patience

    def begin(self, connection: Connection) -> None:
        """Begin a transaction once no other one writes. Raises SQLite's error “busy” after `patience` seconds."""
        until = time.monotonic() + self._patience
        driver: Any = connection.connection.dbapi_connection
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() >= until:
                    raise
            else:
                return


def begin_immediate(connection: Connection) -> None:
    """A transaction that writes waits for others at its beginning, and not in its midst."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def use_wal(connection: Connection, patience: float) -> None:
    """Readers and a writer do not wait for each other.

    Where another process writes, SQLite refuses the change at once, whatever its time-out: it is asked again for
    `patience` seconds. Several processes may open a new store at the same moment.
    """
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal":
        return
    until = time.monotonic() + patience
    while True:
        try:
            mode = connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
        except OperationalError as error:
            if not _is_busy(error.orig) or time.monotonic() >= until:
                raise
            time.sleep(ASKED_FOR / 1000)
        else:
            break
    if mode != "wal":
        raise StoreError("the store's file system cannot hold a SQLite database in WAL mode")


def _is_busy(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
