"""The same store on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from lab.earlier_store import is_whole
from lab.ports import closed_port
from lab.postgresql import PostgreSQL, one_server
from lab.stopwatch import Stopwatch
from lab.synthetic import NOW, certificate, entry

from relay.keys.keyring import Keyring
from relay.model import Address, Entry, Found, Origin, Outage, Record, normalise_domain
from relay.model.database_url import PostgresqlUrl
from relay.model.errors import StoreError
from relay.model.harvest import CarriedKey, HarvestBounds, Outcome
from relay.policy.harvest import next_step
from relay.store import Answer, Network, Result, Selection, Sought, Store, locks
from relay.store.schema_steps import STEPS
from relay.store.session import FORGOTTEN_SECONDS, Sessions
from relay.store.turns import Turns

pytestmark = pytest.mark.waits

DUMPS = Path(__file__).with_name("schemas")
EARLIER = range(1, len(STEPS))
BOB = Address("bob@example.org")
ROW = ("queue", "<m@x>", "a@x", "b@x", "encrypt", "rule", "because", "", "", "250 2.0.0", 1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with one_server() as running:
        yield running


@pytest.fixture
async def store(server: PostgreSQL) -> AsyncIterator[Store]:
    async with await Store.open(server.url, clock=lambda: NOW) as opened:
        yield opened
        for table in (
            "state",
            "certificate",
            "address",
            "rejected",
            "proposal",
            "sighting",
            "ledger",
            "trace",
            "trace_chain",
        ):
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


async def test_filters_of_certificates_are_understood_there(store: Store) -> None:
    soon = int(NOW) + 60
    lea, bob = certificate("Lefèvre", "lea@bücher.example", expires=soon), certificate("bob", "bob@ville.example")
    await store.certificates.upsert([entry(lea), entry(bob, origin=Origin.WKD, proposed=True)])
    wanted = {
        Sought(text="BOB@"): [bob],
        Sought(text="LEFÈVRE"): [lea],
        Sought(text=bob.fingerprint[:12].lower()): [bob],
        Sought(text="_%_"): [],
        Sought(domain=normalise_domain("bücher.example")): [lea],
        Sought(domain="example"): [],
        Sought(origin="wkd", proposed=True): [bob],
        Sought(until=soon): [lea],
        Sought(until=NOW): [],
    }
    found = {each: [e.certificate async for e in store.certificates.iterate(each)] for each in wanted}
    assert {each: [c.fingerprint for c in some] for each, some in found.items()} == {
        each: [c.fingerprint for c in some] for each, some in wanted.items()
    }


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


@pytest.mark.parametrize(
    "held",
    [
        f"SELECT pg_advisory_xact_lock({locks.ALONE}, {locks.number_of('certificates')})",
        "SELECT * FROM trace_chain FOR UPDATE",
    ],
    ids=["the certificates", "the head of a chain"],
)
async def test_a_process_that_stands_still_in_a_transaction_holds_others_up_for_seconds_only(
    server: PostgreSQL, held: str
) -> None:
    """It held them up for two hours, until the kernel noticed that its machine was gone."""
    async with (
        await Store.open(server.url, network=Network("alpha")) as alpha,
        await Store.open(server.url, network=Network("beta")) as beta,
    ):
        await alpha.trace.write([Record(NOW, "id", *ROW)])
        assert alpha.database.sessions
        frozen = await alpha.database.sessions.connect()
        await frozen.execute("BEGIN")
        await frozen.execute(held.replace("trace_chain", "trace_chain WHERE chain = 'alpha'"))
        with Stopwatch() as watch:
            await beta.trace.write([Record(NOW, "id", *ROW)])
            assert watch.seconds < 2, "another node's mail waits for nothing"
            await alpha.certificates.upsert([entry(certificate("bob"))])
            await alpha.trace.write([Record(NOW, "id", *ROW)])
        assert watch.seconds < FORGOTTEN_SECONDS + 2
        frozen.terminate()


async def test_rows_that_two_nodes_write_at_the_same_moment_do_not_collide(server: PostgreSQL) -> None:
    answer = Answer("wkd", "new@example.org", NOW, Result.NOT_FOUND)
    async with (
        await Store.open(server.url, network=Network("alpha")) as alpha,
        await Store.open(server.url, network=Network("beta")) as beta,
    ):
        for number in range(20):
            both = [
                write
                for store in (alpha, beta)
                for write in (
                    store.ledger.record(b"%d" % number, ["a@x", "b@x"]),
                    store.answers.put([answer, Answer("wkd", f"{number}@example.org", NOW, Result.NOT_FOUND)]),
                    store.leases.take(f"job {number}", 60),
                )
            ]
            results = await asyncio.gather(*both)
            assert sum(taken is not None for taken in results[2::3]) == 1, "one of them has the job"
        assert await alpha.ledger.served(b"7") == {"a@x", "b@x"}


async def test_a_session_that_takes_no_writes_is_thrown_away(server: PostgreSQL) -> None:
    """Sessions that were opened while the database was read-only stayed so for as long as they were open."""
    admin = await asyncpg.connect(server.url)
    await admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        async with await Store.open(server.url) as store:
            await admin.execute("SET default_transaction_read_only = off")
            with pytest.raises(StoreError, match="the store is read-only"):
                await store.ledger.record(b"t", ["a@x"])
            await admin.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
            await store.ledger.record(b"t", ["a@x"])
    finally:
        await admin.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
        await admin.close()


async def test_of_several_hosts_the_one_that_takes_writes_is_found(server: PostgreSQL) -> None:
    with closed_port() as nobody:
        url = f"postgresql://relay@127.0.0.1:{nobody},127.0.0.1:{server.port}/postgres?application_name=night"
        async with await Store.open(url) as store:
            await store.ledger.record(b"t", ["a@x"])
            name = await store.database.read(lambda c: c.exec_driver_sql("SHOW application_name").scalar())
    assert name == "night"


async def test_the_password_comes_from_a_file_and_is_read_for_each_connection(
    server: PostgreSQL, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("secret\nanother line\n")
    sessions = Sessions(PostgresqlUrl.parse(server.url), 5, file)
    assert sessions._password() == "secret"
    file.write_text("changed")
    assert sessions._password() == "changed"
    file.unlink()
    with pytest.raises(StoreError, match="database_password_file cannot be read"):
        await sessions.connect()


async def test_a_pooler_that_lends_one_session_to_several_is_refused(server: PostgreSQL) -> None:
    """As PgBouncer does in transaction mode: the statement outside a transaction and the one inside share a process."""
    async with await Store.open(server.url) as store:
        assert store.database.sessions
        turns = Turns(store.database.sessions, store.ledger, store.tokens)
        session = await turns._ready()

        async def same() -> int:
            return session.pid

        with pytest.raises(StoreError, match="a pooler in transaction mode"):
            await turns.open(same)
        found = await store.turns()
        assert found
        await found.close()


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


async def test_a_key_that_came_with_mail_waits_is_confirmed_and_stored_within_its_bounds(store: Store) -> None:
    read, bounds = certificate("harvested", BOB.text), HarvestBounds()

    def mail(days: float) -> CarriedKey:
        return CarriedKey(BOB, b"", "example.org", NOW + days * 86400.0, frozenset({str(days)}))

    async def step(days: float) -> Outcome | None:
        return await store.sightings.step(mail(days), read.fingerprint, next_step, bounds)

    assert await step(0) is Outcome.NOTED
    assert [await step(days) for days in (0, -1, 0.5, 1)] == [
        Outcome.SAME_MAIL,
        Outcome.BACKWARD,
        Outcome.SOON,
        None,
    ]
    waiting = Entry(read, Origin.HARVESTED, int(NOW), proposed=True)
    assert await store.certificates.harvest(waiting, mail(1), bounds) is Outcome.PROPOSED
    assert await store.certificates.harvest(waiting, mail(1), bounds) is Outcome.KNOWN
    (told,) = await store.certificates.proposed(10)
    assert told.dkim_domain == "example.org"
