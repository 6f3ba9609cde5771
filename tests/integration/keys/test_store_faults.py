"""The store on a disk that fails, with the real thing each time: always a StoreError, never "no key"."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.synthetic import certificate, entry
from lab.waiting import until
from sqlalchemy import Connection

from relay.keys.keyring import Keyring
from relay.model import Address, Found, NotFound, Outage
from relay.model.errors import StoreError
from relay.store import Store, certificate_rows
from relay.store.sqlite import WAL_OCTETS

BOB = Address("bob@example.org")


async def _filled(path: Path, count: int = 1) -> None:
    async with await Store.open(path) as store:
        await store.certificates.upsert(
            [entry(certificate("bob")), *(entry(certificate(f"n{n}")) for n in range(count))]
        )


@contextmanager
def _locked(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(how)
    try:
        yield other
    finally:
        other.close()


def _driver(connection: Connection) -> Any:  # noqa: ANN401  the driver's connection
    return connection.connection.dbapi_connection


async def _write_all(store: Store) -> list[BaseException | None]:
    writes = (store.ledger.record(b"t", ["a"]), store.certificates.upsert([entry(certificate("carol"))]))
    return await asyncio.gather(*writes, return_exceptions=True)  # type: ignore[return-value]  # both kinds of results


async def test_a_write_lock_held_too_long_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await _filled(path)
    async with await Store.open(path, busy_seconds=0.2) as store:
        with _locked(path, "BEGIN IMMEDIATE"):
            results = await _write_all(store)
            assert [str(r) for r in results] == ["the store is locked by another process"] * 2
            assert isinstance(await Keyring(store.certificates).lookup(BOB), Found)
            assert await store.ledger.served(b"t") == frozenset()
        await store.ledger.record(b"t", ["a"])
        assert await store.ledger.served(b"t") == {"a"}


async def test_a_write_waits_for_a_short_lock(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await _filled(path)
    async with await Store.open(path, busy_seconds=20) as store:
        with _locked(path, "BEGIN IMMEDIATE") as other:
            writing = asyncio.create_task(store.ledger.record(b"t", ["a"]))
            done, _ = await asyncio.wait([writing], timeout=0.2)
            assert not done
            other.execute("ROLLBACK")
            await writing


async def test_a_write_that_waits_asks_again_without_growing_pauses(tmp_path: Path) -> None:
    """SQLite's pauses grow to 100 ms: another process that wrote all the time kept this one waiting for a second."""
    path = tmp_path / "s.db"
    await _filled(path)
    begun: list[str] = []
    async with await Store.open(path, busy_seconds=60) as store:
        await store.database.write(lambda c: _driver(c).set_trace_callback(begun.append))
        with _locked(path, "BEGIN IMMEDIATE") as other:
            writing = asyncio.create_task(store.ledger.record(b"t", ["a"]))
            await until(lambda: begun.count("BEGIN IMMEDIATE") >= 10, 50)
            assert not writing.done()
            other.execute("ROLLBACK")
            await writing
        assert await store.ledger.served(b"t") == {"a"}


async def test_a_store_locked_for_readers_too_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await _filled(path)
    with _locked(path, "PRAGMA locking_mode=EXCLUSIVE") as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="the store is locked by another process"):
            await Store.open(path, busy_seconds=0.2)


async def test_a_read_only_store_is_read_and_every_write_told(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await _filled(path)
    async with await Store.open(f"sqlite:///file:{path}?mode=ro&uri=true") as store:
        assert isinstance(await Keyring(store.certificates).lookup(BOB), Found)
        assert [str(r) for r in await _write_all(store)] == ["the store is read-only"] * 2


def schema_octets(path: Path) -> int:
    """Octets of the file in which the schema stands, as SQLite lays it out: without it a store does not open."""
    with closing(sqlite3.connect(path)) as reading:
        (last,) = reading.execute("SELECT max(pageno) FROM dbstat WHERE name = 'sqlite_schema'").fetchone()
        (size,) = reading.execute("PRAGMA page_size").fetchone()
    return int(last * size)


async def test_a_corrupt_store_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    await _filled(path, 2000)
    schema, size = schema_octets(path), path.stat().st_size
    with path.open("r+b") as file:
        file.seek(schema)
        file.write(b"\xa5" * (size - schema))
    async with await Store.open(path) as store:
        answer = await Keyring(store.certificates).lookup(BOB)
        assert answer == Outage("keyring", "the store is corrupt", "keyring")
        with pytest.raises(StoreError):
            await store.certificates.upsert([entry(certificate("carol"))])


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xe0 a picture" + bytes(5000), b"SQLite format 3\0" + b"\xff" * 5000]
)
async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="the store"):
        await Store.open(path)
    assert path.read_bytes() == content


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the store's folder does not exist"):
        await Store.open(tmp_path / "missing" / "s.db")


async def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the store cannot be opened"):
        await Store.open(tmp_path)


async def test_a_table_that_vanished_is_an_outage_and_not_no_key(tmp_path: Path) -> None:
    await _filled(tmp_path / "s.db")
    async with await Store.open(tmp_path / "s.db") as store:
        keyring = Keyring(store.certificates)
        assert isinstance(await keyring.lookup(BOB), Found)
        with _locked(tmp_path / "s.db", "DROP TABLE address"):
            pass
        assert isinstance(await keyring.lookup(Address("new@example.org")), Outage)


FULL = """
import asyncio, resource, sys
from pathlib import Path
from lab.synthetic import certificate, entry
from relay.model.errors import StoreError
from relay.store import Store

async def main(path):
    async with await Store.open(path) as store:
        await store.certificates.upsert([entry(certificate("bob"))])
        await store.ledger.record(b"before", ["a"])
        size = max(p.stat().st_size for p in Path(path).parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, resource.RLIM_INFINITY))
        try:
            await store.certificates.upsert([entry(certificate(f"n{n}")) for n in range(2000)])
        except StoreError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print((await store.certificates.counts()).total, sorted(await store.ledger.served(b"before")))
        await store.certificates.upsert([entry(certificate("carol"))])
        print((await store.certificates.counts()).total)

asyncio.run(main(sys.argv[1]))
"""


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL, str(tmp_path / "s.db")],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    told, kept, after = child.stdout.splitlines()
    assert told in {"the store's disk is full", "the store cannot be read or written: the disk fails or is full"}
    assert (kept, after) == ("1 ['a']", "2")


async def test_a_full_database_is_told(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        pages = await store.database.write(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar())
        await store.database.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar())
        with pytest.raises(StoreError, match="the store's disk is full"):
            await store.certificates.upsert([entry(certificate(f"n{n}")) for n in range(100)])
        assert isinstance(await Keyring(store.certificates).lookup(BOB), NotFound)


async def test_a_read_that_is_cancelled_leaves_the_store_usable(tmp_path: Path) -> None:
    await _filled(tmp_path / "s.db", 3000)
    async with await Store.open(tmp_path / "s.db") as store:
        for _ in range(30):
            reading = asyncio.create_task(store.certificates.by_fingerprints([certificate("bob").fingerprint]))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            reading.cancel()
        found = await store.certificates.by_fingerprint(certificate("bob").fingerprint)
        assert found


async def test_a_write_that_is_cancelled_is_done_whole_and_not_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    midway, go, changed = threading.Event(), threading.Event(), certificate_rows._changed

    def stop_midway(connection: Connection) -> None:
        midway.set()
        go.wait(60)
        changed(connection)

    monkeypatch.setattr(certificate_rows, "_changed", stop_midway)
    async with await Store.open(tmp_path / "s.db") as store:
        writing = asyncio.create_task(store.certificates.upsert([entry(certificate(f"n{n}")) for n in range(2000)]))
        await until(midway.is_set)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        go.set()
    async with await Store.open(tmp_path / "s.db") as store:
        assert (await store.certificates.counts()).total == 2000


async def test_closing_waits_for_what_runs(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "s.db")
    writing = asyncio.create_task(store.certificates.upsert([entry(certificate(f"n{n}")) for n in range(2000)]))
    await asyncio.sleep(0)
    await store.close()
    await writing
    async with await Store.open(tmp_path / "s.db") as again:
        assert (await again.certificates.counts()).total == 2000


async def test_the_log_of_writes_shrinks_once_a_reader_that_held_it_has_gone(tmp_path: Path) -> None:
    """Beside somebody who read the file for long (a backup, a person with `sqlite3`) it grew to 53 MB, and stayed."""
    path, wal = tmp_path / "s.db", tmp_path / "s.db-wal"
    await _filled(path)
    many = [entry(certificate(f"n{n}")) for n in range(500)]
    async with await Store.open(path) as store:
        with _locked(path, "BEGIN") as reader:
            reader.execute("SELECT * FROM certificate").fetchone()
            while wal.stat().st_size < 4 * WAL_OCTETS:
                await store.certificates.upsert(many)
        for n in range(3):
            await store.ledger.record(b"t", [f"{n}"])
        assert wal.stat().st_size <= WAL_OCTETS
