"""A copy of the whole store while other processes use it, and its restoration (SQLite only).

`take` copies one state of the database, in one read transaction, by SQLite's own backup. `replacing` puts a copy's
rows in place of a store's in one transaction of that store, so that a running relay sees either the old rows or the
new ones, never a mixture; nothing is replaced where the block inside raises.

A store that is not new keeps the ledger (an older one would have mails in transit sent twice, or never), what it knows
of opened mail, the leases, and the pick-ups, which lie on the public service as they are now. It keeps the console's
users too: who was disabled since the backup stays so. It also keeps its trace where that continues the copy's: what
happened since the backup is not lost.

All functions block. Raises `StoreError`, also where the copy is corrupt or was written by a newer version.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from relay.model.errors import StoreError
from relay.store.database import BUSY_SECONDS, file_of
from relay.store.faults import translated
from relay.store.hash_chain import ANCHOR, HEAD
from relay.store.schema import (
    approvals,
    chain,
    duties,
    ledger,
    opened_identifiers,
    own_allowed,
    own_deleted,
    own_keys,
    own_organisation,
    own_subkeys,
    person_logins,
    persons,
    pickup_presets,
    pickups,
    return_tokens,
    schema_version,
    tables,
    trace,
)
from relay.store.schema_steps import STEPS

_PLAIN_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX \w+ ON \w+ \(\w+(?:, \w+)*\)", re.ASCII)
_PLAIN_TABLE = re.compile(r"""CREATE TABLE (?:\w+|"\w+") ?\((?:[\w\s,()]|'\w*')+""", re.ASCII)
_COMPUTED = re.compile(r"\b(?:AS|GENERATED|CHECK|COLLATE|SELECT)\b|\bDEFAULT\s*\(", re.ASCII | re.IGNORECASE)

_UNDER_WAY = frozenset(
    {ledger.name, duties.name, opened_identifiers.name, return_tokens.name, pickups.name, pickup_presets.name}
    | {persons.name, person_logins.name, approvals.name}
)
_OWN = frozenset({own_organisation.name, own_keys.name, own_subkeys.name, own_allowed.name, own_deleted.name})
"""What was published since the copy stays, and so do the tombstones of deleted subkeys."""
_TRACE = frozenset({trace.name, chain.name})
_OURS = frozenset(statement for step in STEPS for statement in step if statement.startswith("CREATE INDEX"))
_TABLES = [table for table in tables.sorted_tables if table is not schema_version]


def place(url_or_path: str | Path) -> Path | None:
    """The file of that store; None where it is no file (PostgreSQL)."""
    return file_of(url_or_path)


def take(store: Path, copy: Path) -> None:
    """Copy the state of this moment to a new file, for its owner alone, and on disk when this returns.

    Codes that were given beforehand are left out: their secret is in no backup.
    """
    with translated():
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with closing(_opened(store)) as source, closing(_opened(copy)) as target:
            source.backup(target)  # in one step: in several it would start again after each write of another process
            target.execute("PRAGMA journal_mode=DELETE")  # one file
            target.execute("PRAGMA secure_delete=ON")
            target.execute(f"DELETE FROM {pickup_presets.name}")  # noqa: S608  our own name; no backup can open them


def assure(copy: Path) -> None:
    """Check that it has plain tables and indexes alone, and every page of them. Raises `StoreError`.

    A view, a trigger or an expression in the schema would be run by the first query, and may have no end.
    """
    with translated(), closing(_opened(copy)) as database:
        database.execute("PRAGMA trusted_schema=OFF")
        if not all(_is_plain(*row) for row in database.execute("SELECT type, sql FROM sqlite_schema").fetchall()):
            raise StoreError("the store holds more than tables and indexes")
        (answer, *_), *_ = database.execute("PRAGMA integrity_check(1)").fetchall()
    if answer != "ok":
        raise StoreError("the store in it is corrupt")


@contextmanager
def replacing(store: Path, copy: Path, *, new: bool) -> Iterator[bool]:
    """The rows of `copy` for those of `store`, once the block ends well; whether the trace stays as it is.

    `new`: the store was made just now. Both have this version's schema (`Store.open`).
    """
    with translated(), closing(_opened(store)) as database:
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA trusted_schema=OFF")
        database.execute("ATTACH ? AS copied", (str(copy),))
        database.execute("BEGIN IMMEDIATE")  # ends with the connection: rolled back unless committed
        goes_on = _goes_on(database)
        staying = (
            (frozenset() if new else _UNDER_WAY)
            | (_OWN if _has_own(database) else frozenset())
            | (_TRACE if goes_on else frozenset())
        )
        for table in _TABLES:
            if table.name not in staying:
                columns = ", ".join(column.name for column in table.columns)
                database.execute(f"DELETE FROM main.{table.name}")  # noqa: S608  our own names
                database.execute(
                    f"INSERT INTO main.{table.name} ({columns}) SELECT {columns} FROM copied.{table.name}"  # noqa: S608  our own names
                )
        yield goes_on
        database.execute("COMMIT")


def _is_plain(kind: str, sql: str | None) -> bool:
    """Whether the definition computes nothing, or is one of ours. SQLite's own indexes have none."""
    if sql is None:
        return kind == "index"
    if sql in _OURS:
        return True
    if kind == "index":
        return _PLAIN_INDEX.fullmatch(sql) is not None
    return kind == "table" and _PLAIN_TABLE.fullmatch(sql) is not None and not _COMPUTED.search(sql)


def _has_own(database: sqlite3.Connection) -> bool:
    return database.execute(f"SELECT 1 FROM main.{own_organisation.name}").fetchone() is not None  # noqa: S608  our own name


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)


def _goes_on(database: sqlite3.Connection) -> bool:
    """Whether the store's trace has the copy's newest row of each chain, or had it until retention took it out."""
    ends = "SELECT chain, number, hash FROM {}.trace_chain WHERE name = ?"
    anchors = {name: (number, hash_) for name, number, hash_ in database.execute(ends.format("main"), (ANCHOR,))}
    newest = database.execute(ends.format("copied"), (HEAD,)).fetchall()
    return all(_has(database, anchors.get(name), name, (number, hash_)) for name, number, hash_ in newest)


def _has(database: sqlite3.Connection, anchor: tuple[int, bytes] | None, name: str, link: tuple[int, bytes]) -> bool:
    row = "SELECT number, hash FROM main.trace WHERE chain = ? AND number = ?"
    found = database.execute(row, (name, link[0])).fetchone()
    return link in (anchor, found) or (anchor is not None and anchor[0] > link[0])
