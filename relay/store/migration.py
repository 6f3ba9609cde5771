"""Upgrades a database to the schema of this version, a transaction for each step.

Several processes may open a new database at the same moment: each step is taken under the write lock, after
looking again. A step adds, and takes nothing away from the version before: programs of both work side by side, until a
step says that older ones may write no more (`WRITERS`). Raises `StoreError` for a database that a newer version wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, delete, insert, inspect, select

from relay.model.errors import StoreError
from relay.store import earlier_ledger, reindex
from relay.store.database import Database
from relay.store.schema import schema_version
from relay.store.schema_steps import STEPS

After = Mapping[int, Sequence[Callable[[Connection], None]]]

_SQLITE = {"octets": "BLOB", "integer": "INTEGER", "clustered": " WITHOUT ROWID"}
_POSTGRESQL = {"octets": "BYTEA", "integer": "BIGINT", "clustered": ""}
AFTER_STEP: After = {4: (reindex.certificates_as_they_are_searched, earlier_ledger.rename)}
"""What a step does beside its statements, by the version that it leads to."""
WRITERS = {4: 4}
"""Steps after which programs that know no later schema than this may write no more, by the version they lead to."""
BESIDE = 1
"""How many versions newer the database may be, if its programs say that ours may write."""


async def migrate(database: Database, steps: Sequence[Sequence[str]] = STEPS, after: After = AFTER_STEP) -> None:
    """Take the steps that are missing; none where there is nothing to do."""
    while (version := await database.read(_version)) < len(steps):
        await database.write(partial(_step, past=version, statements=steps[version], after=after))
    if version > len(steps) and not await database.read(partial(_may_write, known=len(steps))):
        raise StoreError(
            f"the store was written by a newer version of pgp-relay (schema {version}, this one knows {len(steps)})"
        )


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return int(connection.execute(select(schema_version.c.version)).scalar_one())


def _may_write(connection: Connection, known: int) -> bool:
    if not _knows_writers(connection):
        return False
    version, writers = connection.execute(select(schema_version.c.version, schema_version.c.writers)).one()
    return bool(version <= known + BESIDE and writers <= known)


def _knows_writers(connection: Connection) -> bool:
    """Earlier versions have no such column."""
    return "writers" in {column["name"] for column in inspect(connection).get_columns(schema_version.name)}


def _step(connection: Connection, past: int, statements: Sequence[str], after: After) -> None:
    if _version(connection) != past:
        return  # another process was faster
    sqlite = connection.dialect.name == "sqlite"
    types = _SQLITE if sqlite else _POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement.format(**types))
    for change in after.get(past + 1, ()):
        change(connection)
    writers = _writers(connection, past + 1)
    connection.execute(delete(schema_version))
    connection.execute(insert(schema_version), {"version": past + 1} | writers)


def _writers(connection: Connection, version: int) -> dict[str, int]:
    """The lowest schema whose programs may write in this version."""
    if not _knows_writers(connection):
        return {}
    return {"writers": WRITERS.get(version) or connection.execute(select(schema_version.c.writers)).scalar_one()}
