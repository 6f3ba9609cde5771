"""The same store on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from lab.earlier import is_whole
from lab.postgresql import PostgreSQL, postgresql, programs
from lab.synthetic import NOW, certificate, entry

from relay.keys.keyring import Keyring
from relay.model import Address, Found, Outage, Record
from relay.model.errors import StoreError
from relay.store import Selection, Store
from relay.store.schema import STEPS

PROGRAMS = programs()
DUMPS = Path(__file__).with_name("schemas")
EARLIER = range(1, len(STEPS))
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed")
BOB = Address("bob@example.org")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    assert PROGRAMS
    with postgresql(PROGRAMS) as running:
        yield running


@pytest.fixture
async def store(server: PostgreSQL) -> AsyncIterator[Store]:
    async with await Store.open(server.url, clock=lambda: NOW) as opened:
        yield opened
        for table in ("state", "certificate", "address", "rejected", "ledger", "trace", "trace_chain"):
            await opened.database.write(lambda c, table=table: c.exec_driver_sql(f"DELETE FROM {table}"))  # type: ignore[misc]  # noqa: S608 - our own names


async def test_stores_that_open_an_empty_database_together_do_not_collide(server: PostgreSQL) -> None:
    stores = await asyncio.gather(*(Store.open(server.url) for _ in range(4)))
    await asyncio.gather(*(store.close() for store in stores))


def test_there_is_a_dump_of_every_earlier_version() -> None:
    assert sorted(path.name for path in DUMPS.iterdir()) == [f"postgresql-{version}.sql" for version in EARLIER]


@pytest.mark.parametrize("version", EARLIER)
async def test_a_store_of_every_earlier_version_becomes_ours_with_all_that_is_in_it(
    version: int, server: PostgreSQL
) -> None:
    url = await written_by(version, server)
    async with await Store.open(url, clock=lambda: NOW) as store:
        await is_whole(store)
    async with await Store.open(url, clock=lambda: NOW) as store:
        versions = await store.database.read(lambda c: c.exec_driver_sql("SELECT version FROM schema_version").all())
    assert versions == [(len(STEPS),)]


async def written_by(version: int, server: PostgreSQL) -> str:
    """A database of its own with the dump (by pg_dump, of one that the program of that time filled); its URL."""
    asking = await asyncpg.connect(server.url)
    await asking.execute(f"CREATE DATABASE earlier{version}")
    await asking.close()
    url = f"{server.url.rpartition('/')[0]}/earlier{version}"
    filling = await asyncpg.connect(url)
    await filling.execute((DUMPS / f"postgresql-{version}.sql").read_text("utf-8"))
    await filling.close()
    return url


async def test_certificates_are_stored_found_approved_rejected_and_removed(store: Store) -> None:
    soon = int(NOW) + 60
    await store.certificates.upsert([entry(certificate(f"n{n}", expires=soon)) for n in range(1200)])
    await store.certificates.upsert([entry(certificate("odd", "j\udcfc@x")), entry(certificate("p"), proposed=True)])
    assert len(await store.certificates.by_address(Address("n7@example.org"))) == 1
    assert len(await store.certificates.by_address(Address("j\udcfc@x"))) == 1
    assert len(await store.certificates.search(certificate("n3").primary.key_id)) == 1
    assert len([e async for e in store.certificates.iterate()]) == 1202
    assert len(await store.certificates.expiring(3600)) == 1200
    assert (await store.certificates.counts()).proposed == 1
    assert await store.certificates.approve(certificate("p").fingerprint)
    assert not await store.certificates.reject(certificate("p").fingerprint)
    assert await store.certificates.remove(certificate("p").fingerprint)
    assert len(await store.certificates.upsert([entry(certificate("n1"))], {})) == 1


async def test_the_ledger_and_the_trace_are_shared(store: Store, server: PostgreSQL) -> None:
    rows = [Record(float(n), f"{n}", "", "", "a@x", "b@x", "encrypt", "r", "w", "", "", "250", n) for n in range(1500)]
    async with await Store.open(server.url, clock=lambda: NOW) as other:
        for each in (store, other):
            await asyncio.gather(*(each.ledger.record(b"\0t", [f"{n}\udcfc"]) for n in range(20)))
        await asyncio.gather(store.trace.write(rows), other.trace.write(rows))
        await other.ledger.forget(b"\0t", ["1\udcfc"])
    assert len(await store.ledger.served(b"\0t")) == 19
    assert (await store.trace.verify()).checked == 3000
    assert await store.trace.summary(Selection(since=1490.0)) == [("r", "x", "encrypt", False, 10)], (
        "each mail counts once"
    )
    assert await store.trace.prune(10.0, now=1e9) == 10
    assert (await store.trace.verify()).checked == 2990


async def test_a_server_that_stops_is_an_outage_until_it_is_back(store: Store, server: PostgreSQL) -> None:
    await store.certificates.upsert([entry(certificate("bob"))])
    keyring = Keyring(store.certificates, clock=lambda: NOW)
    assert isinstance(await keyring.lookup(BOB), Found)
    server.stop()
    try:
        assert isinstance(await keyring.lookup(Address("new@example.org")), Outage)
        with pytest.raises(StoreError, match="the store cannot be used"):
            await store.ledger.record(b"t", ["a@x"])
        with pytest.raises(StoreError):
            await Store.open(server.url)
    finally:
        server.start()
    assert isinstance(await keyring.lookup(BOB), Found)
    await store.ledger.record(b"t", ["a@x"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [("/nosuch", "the database does not exist"), ("nobody@", "the database refuses the user or the password")],
)
async def test_a_database_or_user_that_does_not_exist_is_told(server: PostgreSQL, wrong: str, told: str) -> None:
    url = server.url.replace("/postgres", wrong) if wrong[0] == "/" else server.url.replace("relay@", wrong)
    with pytest.raises(StoreError, match=told):
        await Store.open(url)
