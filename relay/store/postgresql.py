"""PostgreSQL as the store: its asynchronous driver, and one writer at a time over all machines.

A module of its own: SQLAlchemy's asyncio part loads the ORM as well, which would slow down the start of every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from relay.store.connection import READER_OPTIONS, ConnectionPool, pool_options

T = TypeVar("T")

_ONE_WRITER = 0x7067702D  # an arbitrary number: the advisory lock in place of SQLite's BEGIN IMMEDIATE


class _PostgresqlPool:
    """Connections for reading, or the one for writing."""

    def __init__(self, engine: AsyncEngine, *, transactions: bool) -> None:
        self._engine = engine
        self._open = engine.begin if transactions else engine.connect

    async def run(self, work: Callable[[Connection], T]) -> T:
        async with self._open() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


def open_pools(url: URL, busy_seconds: float) -> tuple[ConnectionPool, ConnectionPool]:
    """The connections for reading, and the one for writing."""
    times = {"timeout": busy_seconds, "command_timeout": busy_seconds}
    shared = {"connect_args": times, "pool_pre_ping": True, **pool_options(busy_seconds)}
    reader, writer = (
        create_async_engine(url, **READER_OPTIONS, **shared),
        create_async_engine(url, pool_size=1, **shared),
    )
    event.listen(writer.sync_engine, "begin", _begin_alone)
    return _PostgresqlPool(reader, transactions=False), _PostgresqlPool(writer, transactions=True)


def _begin_alone(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_WRITER})")
