from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from relay.model.errors import StoreError
from relay.store import Store
from relay.store.database import Database
from relay.store.migration import migrate
from relay.store.schema import tables
from relay.store.schema_steps import STEPS

NEXT = ("CREATE TABLE more (a {octets})", "ALTER TABLE state ADD COLUMN note TEXT")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "s.db")
    yield opened
    await opened.close()


def _shape(connection: Connection) -> dict[str, set[tuple[str, bool]]]:
    found = inspect(connection)
    return {
        name: {(str(c["name"]), bool(c["nullable"])) for c in found.get_columns(name)}
        for name in found.get_table_names()
    }


async def test_the_steps_make_what_the_tables_say(database: Database) -> None:
    await migrate(database)
    expected = {name: {(c.name, bool(c.nullable)) for c in table.columns} for name, table in tables.tables.items()}
    assert await database.read(_shape) == expected


async def test_a_further_step_is_taken_on_a_new_and_on_an_old_database(database: Database) -> None:
    await migrate(database)
    await database.write(lambda c: c.exec_driver_sql("INSERT INTO rejected VALUES ('kept')"))
    await migrate(database, (*STEPS, NEXT))
    await migrate(database, (*STEPS, NEXT))
    assert await database.read(lambda c: c.exec_driver_sql("SELECT version FROM schema_version").scalars().all()) == [
        len(STEPS) + 1
    ]
    assert await database.read(lambda c: c.exec_driver_sql("SELECT * FROM rejected").scalars().all()) == ["kept"]
    assert "more" in await database.read(_shape)


async def test_a_step_that_fails_leaves_the_database_as_it_was(database: Database) -> None:
    await migrate(database)
    before = await database.read(_shape)
    with pytest.raises(StoreError):
        await migrate(database, (*STEPS, (*NEXT, "CREATE TABLE more (b TEXT)")))
    assert await database.read(_shape) == before
    assert await database.read(lambda c: c.exec_driver_sql("SELECT version FROM schema_version").scalar()) == len(STEPS)


async def test_a_newer_versions_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with await Store.open(path) as store:
        await store.database.write(lambda c: c.exec_driver_sql("UPDATE schema_version SET version = 99"))
    with pytest.raises(StoreError, match=rf"a newer version of pgp-relay \(schema 99, this one knows {len(STEPS)}\)"):
        await Store.open(path)


@pytest.mark.parametrize(
    ("newer", "writers", "works"),
    [(1, len(STEPS), True), (1, len(STEPS) + 1, False), (2, len(STEPS), False)],
    ids=["the next version", "one that says that ours may not write", "two versions later"],
)
async def test_beside_the_next_version_ours_works_as_long_as_it_may(
    tmp_path: Path, newer: int, writers: int, works: bool
) -> None:
    path = tmp_path / "s.db"
    async with await Store.open(path) as store:
        change = f"UPDATE schema_version SET version = {len(STEPS) + newer}, writers = {writers}"  # noqa: S608  our own numbers
        await store.database.write(lambda c: c.exec_driver_sql(change))
    if works:
        async with await Store.open(path) as store:
            await store.ledger.record(b"t", ["a"])
    else:
        with pytest.raises(StoreError, match="a newer version of pgp-relay"):
            await Store.open(path)


async def test_a_new_file_is_its_owners_alone_and_so_are_its_companions(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.ledger.record(b"t", ["a"])
        assert _modes(tmp_path) == {"s.db": 0o600, "s.db-wal": 0o600, "s.db-shm": 0o600}
    assert _modes(tmp_path) == {"s.db": 0o600}


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_commits_reach_the_disk(database: Database) -> None:
    assert await database.write(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    assert await database.read(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", "SQLite in a file, or PostgreSQL"),
        ("sqlite://", "SQLite in a file"),
        ("sqlite:///:memory:", "SQLite in a file"),
        ("nonsense://x", "SQLite in a file"),
        ("postgresql://user:secret@[::1/x", "cannot be read"),
        ("postgresql://user:secret@h/x?service=y", "the option service of a database URL is not understood"),
    ],
)
async def test_a_url_that_names_no_store_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        await Store.open(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or not caught.value.__context__


async def test_a_path_and_a_url_name_the_same_store(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.ledger.record(b"t", ["a"])
    for url in (f"sqlite:///{tmp_path}/s.db", f"sqlite+pysqlite:///{tmp_path}/s.db", str(tmp_path / "s.db")):
        async with await Store.open(url) as store:
            assert await store.ledger.served(b"t") == {"a"}
