"""Brings a database to the schema this version knows, a transaction for each step.

Several processes may open a new database at the same moment: each step is taken under the write lock, after
looking again. Raises `StoreError` for a database that a newer version wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, delete, insert, inspect, select

from relay.model.errors import StoreError
from relay.store import reindex
from relay.store.database import Database
from relay.store.schema import STEPS, schema_version

After = Mapping[int, Callable[[Connection], None]]

AFTER_STEP: After = {4: reindex.shown_addresses}
"""What a step does beside its statements, by the version that it leads to."""


async def migrate(database: Database, steps: Sequence[Sequence[str]] = STEPS, after: After = AFTER_STEP) -> None:
    """Take the steps that are missing; none where there is nothing to do."""
    while (version := await database.read(_version)) < len(steps):
        await database.write(partial(_step, past=version, statements=steps[version], after=after))
    if version > len(steps):
        raise StoreError(
            f"the store was written by a newer version of pgp-relay (schema {version}, this one knows {len(steps)})"
        )


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return int(connection.execute(select(schema_version.c.version)).scalar_one())


def _step(connection: Connection, past: int, statements: Sequence[str], after: After) -> None:
    if _version(connection) != past:
        return  # another process was faster
    sqlite = connection.dialect.name == "sqlite"
    types = {"octets": "BLOB", "integer": "INTEGER"} if sqlite else {"octets": "BYTEA", "integer": "BIGINT"}
    for statement in statements:
        connection.exec_driver_sql(statement.format(**types))
    if past + 1 in after:
        after[past + 1](connection)
    connection.execute(delete(schema_version))
    connection.execute(insert(schema_version), {"version": past + 1})
