"""Stores as earlier versions wrote them (`schemas/N.sql`, dumped from a store that version N of the schema filled).

A new step of the schema needs a dump of the version before it, made by the program of that time: five certificates
(one rejected, one proposed, one revoked), a served recipient, five rows of the trace of which two are pruned.
"""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from lab.earlier_store import is_whole
from lab.synthetic import NOW

from relay.model import Address
from relay.model.errors import StoreError
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.transaction_lock import TransactionLocks
from relay.store import Store
from relay.store.schema_steps import STEPS

DUMPS = Path(__file__).with_name("schemas")
EARLIER = range(1, len(STEPS))
TESTS = Path(__file__).parents[2]

STOPPED = """
import asyncio, sys, time
from relay.store import Store, migration
def stop(_table):
    print("midway", flush=True)
    time.sleep(60)
migration.delete = stop  # what a step does last, before its version is noted
asyncio.run(Store.open(sys.argv[1]))
"""


def written_by(version: int, folder: Path) -> Path:
    file = folder / "store.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript((DUMPS / f"{version}.sql").read_text("utf-8"))
    file.chmod(0o600)
    return file


async def becomes_ours(file: Path) -> None:
    """Whole, and noted as of this version."""
    async with await Store.open(file, clock=lambda: NOW) as store:
        await is_whole(store)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT version FROM schema_version").fetchall() == [(len(STEPS),)]


def kill_midway(file: Path) -> None:
    command: list[str | Path] = [sys.executable, "-c", STOPPED, file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(TESTS)}) as child:
        assert child.stdout
        assert child.stdout.readline() == b"midway\n"
        child.send_signal(signal.SIGKILL)


def test_there_is_a_dump_of_every_earlier_version() -> None:
    assert sorted(path.name for path in DUMPS.iterdir()) == [f"{version}.sql" for version in EARLIER]


@pytest.mark.parametrize("version", EARLIER)
async def test_a_store_of_every_earlier_version_becomes_ours_with_all_that_is_in_it(
    version: int, tmp_path: Path
) -> None:
    await becomes_ours(written_by(version, tmp_path))


@pytest.mark.parametrize("version", EARLIER)
async def test_an_upgrade_that_was_killed_midway_is_done_at_the_next_start(version: int, tmp_path: Path) -> None:
    file = written_by(version, tmp_path)
    kill_midway(file)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT version FROM schema_version").fetchall() == [(version,)]
    await becomes_ours(file)


async def test_a_store_from_the_future_is_refused_with_a_sentence_and_left_as_it_is(tmp_path: Path) -> None:
    file = written_by(max(EARLIER), tmp_path)
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE schema_version SET version = ?", (len(STEPS) + 1,))
        database.commit()
        database.execute("PRAGMA journal_mode=WAL")
    before = file.read_bytes()
    with pytest.raises(StoreError, match=rf"newer version of pgp-relay \(schema {len(STEPS) + 1}, this one knows"):
        await Store.open(file)
    assert file.read_bytes() == before


async def test_a_backup_of_an_earlier_version_is_read_as_ours(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.move(written_by(1, tmp_path), copy)
    async with await Store.open(copy) as store:
        assert (await store.certificates.counts()).total == 4


async def test_who_0_1_0_had_served_was_served_again_and_a_sender_whom_it_had_told_was_told_again(
    tmp_path: Path,
) -> None:
    """It folded addresses in the ledger, and had another mark for who was told."""
    file = written_by(3, tmp_path)
    rows = [(b"transaction", name, NOW) for name in (b"bob.x@ville.example", b"told:eva.y@ville.example")]
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany("INSERT INTO ledger VALUES (?, ?, ?)", rows)
    async with await Store.open(file, clock=lambda: NOW) as store:
        ledger = BufferedLedger(store.ledger, TransactionLocks.at(tmp_path / "turns"))
        entry = await ledger.open(b"transaction")
        bob, eva = Address("Bob.X@Ville.example"), Address("Eva.Y@ville.example")
        assert [(entry.is_served(who), entry.is_told(who)) for who in (bob, eva)] == [(True, False), (False, True)]
        await entry.record(["Eva.Y@ville.example"])
        entry.close()
        again = await ledger.open(b"transaction")
        assert again.is_served(eva)
        assert not again.is_served(Address("eva.y@ville.example")), "Eva@ may not be eva@"
        again.close()
