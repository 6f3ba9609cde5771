"""PostgreSQL as the store: its asynchronous driver, and one writer at a time over all machines.

A module of its own because SQLAlchemy's asyncio loads its ORM too, at the start of every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from relay.store.connection import READING, Side, pool

T = TypeVar("T")

_ONE_WRITER = 0x7067702D  # any number: the advisory lock that is PostgreSQL's BEGIN IMMEDIATE


class _Tasks:
    """One side."""

    def __init__(self, engine: AsyncEngine, *, transactions: bool) -> None:
        self._engine = engine
        self._open = engine.begin if transactions else engine.connect

    async def run(self, work: Callable[[Connection], T]) -> T:
        async with self._open() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


def sides(url: URL, busy_seconds: float) -> tuple[Side, Side]:
    """The readers' and the writer's."""
    times = {"timeout": busy_seconds, "command_timeout": busy_seconds}
    shared = {"connect_args": times, "pool_pre_ping": True, **pool(busy_seconds)}
    reader, writer = create_async_engine(url, **READING, **shared), create_async_engine(url, pool_size=1, **shared)
    event.listen(writer.sync_engine, "begin", _begin_alone)
    return _Tasks(reader, transactions=False), _Tasks(writer, transactions=True)


def _begin_alone(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_WRITER})")
