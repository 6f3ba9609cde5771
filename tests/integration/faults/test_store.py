"""The store cannot be used: an outage, never "no key" and never "nobody was served".

A mail that is on its way when the store breaks keeps its true answer: what the next hop took is 250. Every later one
is 451 until the store is back, and then the rows that had to wait are written first.
"""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from lab.bed import ANNA, BERTA, CARL, DEADLINES, RITA, Bed
from lab.disk import fill, needs_root, small_disk
from lab.mta import Mail
from lab.nexthop import Say, ScriptedHop

pytestmark = pytest.mark.waits

FAILED = "451 4.3.0"
OUTAGE = "451 4.4.3"
OK = "250 2.0.0"
MAILS = {"one": (ANNA,), "two": (ANNA, BERTA), "three": (ANNA, CARL, RITA)}


def write(bed: Bed, which: str) -> Mail:
    return bed.letter(ANNA, hidden=(BERTA,)) if which == "two" else bed.letter(*MAILS[which])


def each_by_each(bed: Bed) -> list[tuple[Bed, Mail]]:
    """A mail of each kind by way of each inlet."""
    return [(bed.over(scheme), write(bed, which)) for scheme in ("lmtp", "smtp") for which in MAILS]


async def attempt_all(sent: list[tuple[Bed, Mail]]) -> list[list[str]]:
    return await asyncio.gather(*(bed.mta.attempt(mail) for bed, mail in sent))


async def all_end_well(hop: ScriptedHop, sent: list[tuple[Bed, Mail]]) -> None:
    for bed, mail in sent:
        await bed.mta.until_final(mail)
    for bed, mail in sent:
        bed.assert_served(hop, mail)


@contextmanager
def locked(bed: Bed) -> Iterator[None]:
    """Another process writes, and does not end."""
    with closing(sqlite3.connect(bed.relay.keyring / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def test_the_store_is_locked() -> None:
    """It can still be read: what is on its way is served and remembered; what comes later waits for the store."""
    with Bed({"deadlines": {**DEADLINES, "store": "1s"}}) as bed:
        async with bed.hop() as hop:
            split = [(bed.over(scheme), bed.letter(CARL, hidden=(BERTA,))) for scheme in ("lmtp", "smtp")]
            later = each_by_each(bed)
            hop.at[f"RCPT TO:<{CARL}>"] = Say("452 4.3.1 Out of storage")
            with locked(bed):
                assert await attempt_all(split) == [["452 4.3.1", OK], [FAILED, FAILED]]
                hop.at.clear()
                for given in await attempt_all([*split, *later]):
                    assert FAILED in given
                    assert OK not in given[:1]
            await all_end_well(hop, [*split, *later])


async def test_the_store_is_corrupt() -> None:
    """Nothing is looked up, nothing leaves, and the relay can be stopped as ever to put a good store in its place."""
    with Bed() as bed:
        async with bed.hop() as hop:
            sent = each_by_each(bed)
            good = spoil(bed.relay.keyring / "store.db")
            for first in await attempt_all(sent):
                assert set(first) <= {FAILED, OUTAGE}, first
            assert hop.heard == []
            bed.relay.stop()
            for leftover in bed.relay.keyring.glob("store.db*"):
                leftover.unlink()
            (bed.relay.keyring / "store.db").write_bytes(good)
            bed.relay.start()
            await all_end_well(hop, sent)


async def test_its_file_is_taken_away() -> None:
    """As by somebody who puts an older one in its place: SQLite would go on with a file that nobody sees any more."""
    with Bed() as bed:
        async with bed.hop() as hop:
            sent = each_by_each(bed)
            store = bed.relay.keyring / "store.db"
            away = store.rename(store.with_name("away"))
            for first in await attempt_all(sent):
                assert set(first) <= {FAILED, OUTAGE}, first
            assert hop.heard == []
            away.rename(store)
            await all_end_well(hop, sent)


def spoil(store: Path) -> bytes:
    """Every page of the file but the first becomes noise; what it was."""
    with closing(sqlite3.connect(store)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = store.read_bytes()
    with store.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (len(whole) - 4096))
    return whole


@pytest.fixture
def keyring_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, where the keyring is to lie."""
    with small_disk(tmp_path / "keyring", megabytes=2) as folder:
        yield folder


@needs_root
async def test_the_disk_is_full(keyring_disk: Path) -> None:
    """The first mail whose rows find no room keeps its true answer; the next is put off; later no row is missing."""
    with Bed({"keyring": str(keyring_disk)}) as bed:
        async with bed.hop() as hop:
            for over, mail in each_by_each(bed):
                stuffing = fill(keyring_disk)
                mails = await until_it_shows(over, mail)
                stuffing.unlink()
                await all_end_well(hop, [(over, each) for each in mails])


@needs_root
async def test_the_store_is_read_only() -> None:
    """As after a crash, when the file system came back read-only: the relay does not start, and says why."""
    with Bed() as bed:
        async with bed.hop() as hop:
            sent = each_by_each(bed)
            bed.relay.kill()
            with immutable(bed.relay.keyring), pytest.raises(RuntimeError, match="the store"):
                bed.relay.start()
            for first in await attempt_all(sent):
                assert set(first) == {""}
            bed.relay.start()
            await all_end_well(hop, sent)


@contextmanager
def immutable(folder: Path) -> Iterator[None]:
    files = [str(file) for file in folder.glob("store.db*")]
    subprocess.run(["chattr", "+i", *files], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *files], check=True)


async def until_it_shows(bed: Bed, mail: Mail) -> list[Mail]:
    """Mails like this one until one is put off: those before it were answered 250 for good reason."""
    mails, which = [mail], next(name for name, people in MAILS.items() if people == mail.recipients)
    while (given := await bed.mta.attempt(mails[-1])) == [OK] * len(given):
        assert len(mails) < 50, "the store takes rows still"
        mails.append(write(bed, which))
    assert set(given) == {FAILED}, given
    return mails
