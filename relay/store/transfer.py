"""A whole store copied between SQLite and PostgreSQL, in one transaction of each, and compared row by row.

What nodes say of themselves, and who has which duty, is not copied: it is of a database, and not of what is in it.
Raises `StoreError`, and then the target is as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Row, Table, create_engine, event, func, insert, select
from sqlalchemy.util import await_only

from relay.model.errors import StoreError
from relay.store.database import Database
from relay.store.faults import translated
from relay.store.schema import (
    duties,
    node_keys,
    node_parcels,
    node_removals,
    node_secrets,
    node_statements,
    node_successors,
    nodes,
    schema_version,
    tables,
)
from relay.store.sqlite import begin_immediate

PAGE = 2000
_SETTLED = ("SET LOCAL idle_in_transaction_session_timeout = 0", "SET LOCAL statement_timeout = 0")
_ONE_STATE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_OF_NODES = (
    duties,
    nodes,
    node_keys,
    node_statements,
    node_parcels,
    node_secrets,
    node_removals,
    node_successors,
)
_NOT_COPIED = frozenset({schema_version.name, *(table.name for table in _OF_NODES)})
COPIED = tuple(table for table in tables.sorted_tables if table.name not in _NOT_COPIED)


@dataclass(slots=True)
class _Sum:
    """Rows of one table in any order: how many, and the sum of their hashes."""

    rows: int = 0
    hashes: int = 0

    def add(self, page: Sequence[Row[Any]]) -> None:
        self.rows += len(page)
        for row in page:
            written = repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
            self.hashes += int.from_bytes(hashlib.sha256(written.encode("utf-8", "surrogatepass")).digest())


async def to_server(file: Path, server: Database) -> dict[str, int]:
    """From a SQLite file to a PostgreSQL server; the rows of each table."""

    def work(target: Connection) -> dict[str, int]:
        with _opened(file) as source:
            return _copied(source, target)

    return await server.write(lambda c: _in_one_state(c, work), lock="")


async def to_file(server: Database, file: Path) -> dict[str, int]:
    """From a PostgreSQL server to a SQLite file; the rows of each table."""

    def work(source: Connection) -> dict[str, int]:
        with _opened(file) as target:
            return _copied(source, target)

    return await server.write(lambda c: _in_one_state(c, work), lock="")


def _in_one_state(connection: Connection, work: Any) -> dict[str, int]:  # noqa: ANN401  a function of a connection
    for statement in (_ONE_STATE, *_SETTLED):
        connection.exec_driver_sql(statement)
    found: dict[str, int] = work(connection)
    return found


def _copied(source: Connection, target: Connection) -> dict[str, int]:
    full = [table.name for table in COPIED if target.execute(select(table).limit(1)).first() is not None]
    if full:
        raise StoreError(f"the target is not empty: it has rows in {', '.join(full)}")
    sums = {table.name: _copy(source, target, table) for table in COPIED}
    for table in COPIED:
        there = _Sum()
        for page in _pages(target, table):
            there.add(page)
        if there != sums[table.name]:
            raise StoreError(f"the copy differs in {table.name}")
    return {name: found.rows for name, found in sums.items()}


def _copy(source: Connection, target: Connection, table: Table) -> _Sum:
    found = _Sum()
    put = _copy_in if target.dialect.name == "postgresql" else _insert
    for page in _pages(source, table):
        found.add(page)
        put(target, table, page)
    if found.rows != source.execute(select(func.count()).select_from(table)).scalar_one():
        raise StoreError(f"not all of {table.name} could be read")
    return found


def _insert(target: Connection, table: Table, page: Sequence[Row[Any]]) -> None:
    columns = [column.name for column in table.columns]
    target.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in page])


def _copy_in(target: Connection, table: Table, page: Sequence[Row[Any]]) -> None:
    """By COPY, which takes a fifth of the time; the driver wants the values as they are stored."""
    columns = [column.name for column in table.columns]
    stored = [column.type.bind_processor(target.dialect) for column in table.columns]
    rows = [[put(value) if put else value for put, value in zip(stored, row, strict=True)] for row in page]
    driver: Any = target.connection.driver_connection
    await_only(driver.copy_records_to_table(table.name, records=rows, columns=columns))


def _pages(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    return connection.execute(select(table), execution_options={"yield_per": PAGE}).partitions()


@contextmanager
def _opened(file: Path) -> Iterator[Connection]:
    """A transaction of the file, which ends well with the block."""
    engine = create_engine(URL.create("sqlite", database=str(file)))
    event.listen(engine, "connect", _without_transactions)
    event.listen(engine, "begin", begin_immediate)
    try:
        with translated(), engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _without_transactions(connection: Any, _record: object) -> None:  # noqa: ANN401  sqlite3's
    connection.isolation_level = None  # or sqlite3 would begin transactions of its own, too late
    connection.execute("PRAGMA synchronous=FULL")
