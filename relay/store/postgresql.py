"""PostgreSQL as the store: its asynchronous driver, for any number of machines.

A module of its own: SQLAlchemy's asyncio part loads the ORM as well, which would slow down the start of every process.

A session that the server has ended since it was used last is replaced at once, and the work is done in the new one,
unless it may have been committed already. A session that takes no writes (SQLSTATE 25006) is thrown away with all
others: it would stay as it is for as long as it is open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from relay.model.errors import StoreError
from relay.store import locks, sqlstate
from relay.store.connection import ConnectionPool, reader_options
from relay.store.faults import words
from relay.store.hash_chain import OPTION
from relay.store.session import Sessions

T = TypeVar("T")

WRITERS = 2
"""What every mail writes shares one transaction (`relay.store.batch`), and does not wait for what waits for a lock."""


class _PostgresqlPool:
    """Connections for reading, or for writing."""

    def __init__(self, engine: AsyncEngine, *, transactions: bool) -> None:
        self._engine = engine
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._transactions = transactions

    async def run(self, work: Callable[[Connection], T], lock: str = "") -> T:
        try:
            return await self._once(work, lock)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return await self._once(work, lock)

    async def _once(self, work: Callable[[Connection], T], lock: str) -> T:
        async with self._engine.connect() as connection:
            if not self._transactions:
                return await connection.run_sync(work)
            await connection.begin()
            if lock:
                await connection.run_sync(locks.alone, lock)
            done = await connection.run_sync(work)
            await _commit(connection)
            return done

    async def run_alone(self, statement: Callable[[Connection], object]) -> bool:
        try:
            return await self._alone_once(statement)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != sqlstate.READ_ONLY:
                raise  # perhaps it was committed
        return await self._alone_once(statement)

    async def _alone_once(self, statement: Callable[[Connection], object]) -> bool:
        async with self._alone.connect() as connection:
            try:
                await connection.run_sync(statement)
            except IntegrityError:
                return False
            return True

    async def close(self) -> None:
        await self._engine.dispose()


async def _commit(connection: AsyncConnection) -> None:
    try:
        await connection.commit()
    except DBAPIError as error:  # perhaps it was committed: this is never tried again
        raise StoreError(words(error.orig)) from None


def open_pools(sessions: Sessions, readers: int, node: str) -> tuple[ConnectionPool, ConnectionPool]:
    """The connections for reading, and those for writing."""
    shared: dict[str, Any] = {
        "hide_parameters": True,
        "execution_options": {OPTION: node},
        "max_overflow": 0,
        "pool_timeout": 2 * sessions.busy_seconds,
        "async_creator": lambda *_, **__: sessions.connect(),
    }
    url = URL.create("postgresql+asyncpg")
    reader = create_async_engine(url, **reader_options(readers), **shared)
    writer = create_async_engine(url, pool_size=WRITERS, **shared)
    for engine in (reader, writer):
        event.listen(engine.sync_engine, "handle_error", _throw_away_read_only)
        event.listen(engine.sync_engine, "checkout", _replace_ended)
    return _PostgresqlPool(reader, transactions=False), _PostgresqlPool(writer, transactions=True)


def _throw_away_read_only(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) == sqlstate.READ_ONLY:
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = True


def _replace_ended(connection: DBAPIConnection, *_: object) -> None:
    """Before it is used: a statement that ends with its session may have been committed, and is never tried again."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
