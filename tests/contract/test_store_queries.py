"""What people ask of the store gets the same answer of SQLite and of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from lab.postgresql import PostgreSQL
from lab.synthetic import NOW, certificate, entry
from sqlalchemy import Connection, event, inspect

from relay.model import Address, Origin, Record
from relay.model.console import Role, Way
from relay.model.key_change import KeyChange
from relay.store import Selection, Sought, Store
from relay.store.console import ATTEMPT, IDLE, ConsoleStore, Passkey, Secrets, Session
from relay.store.schema import tables

ODD = ["\0", "a\0b", "\udcff", "é\u202e", "%", "_", "\\", "/", "'", "x" * 60_000]
"""Texts that one of the databases does not take, or takes for something else."""


@pytest.fixture
async def store(place: str) -> AsyncIterator[Store]:
    async with await Store.open(place, clock=lambda: NOW) as opened:
        yield opened


def record(number: int, action: str = "encrypt", *, to: str = "bob@ville.example", shadow: bool = False) -> Record:
    names = ("dr@hopital.example", to, action, "everyone", "why", "", "", "250", 1)
    return Record(1000.0 + number, f"id{number}", f"4F{number % 3}", f"<{number % 3}@x>", *names, shadow=shadow)


async def rows(store: Store, wanted: Selection) -> list[str]:
    return [each.id async for each in store.trace.select(wanted)]


def _shape(connection: Connection) -> dict[str, tuple[dict[str, bool], list[str]]]:
    found = inspect(connection)
    return {
        name: (
            {str(c["name"]): bool(c["nullable"]) for c in found.get_columns(name)},
            found.get_pk_constraint(name)["constrained_columns"],
        )
        for name in found.get_table_names()
    }


async def test_the_steps_make_what_the_tables_say(store: Store) -> None:
    assert await store.database.read(_shape) == {
        name: ({c.name: bool(c.nullable) for c in table.columns}, [c.name for c in table.primary_key])
        for name, table in tables.tables.items()
    }


async def test_mails_are_selected_counted_and_held(store: Store) -> None:
    await store.trace.write([record(0, "hold"), record(1, "hold"), record(2, "hold", shadow=True), record(3)])
    await store.trace.write([record(4, "hold"), KeyChange(1005.0, "cli:root", "a@x", "", "F", "imported").record()])
    assert await rows(store, Selection(queue_id="4F1")) == ["id1", "id4"]
    assert await rows(store, Selection(message_id="<1@x>", newest=1)) == ["id4"]
    assert await rows(store, Selection(action="hold", since=1001.0, until=1004.0)) == ["id1", "id2"]
    assert len(await rows(store, Selection(keys=True, newest=5))) == 1
    assert [(at, mail.id) for at, mail in await store.trace.held(0.0)] == [(1001.0, "id4")]
    assert [(each.action, each.shadow, each.mails) for each in await store.trace.summary()] == [
        ("encrypt", False, 1),
        ("hold", False, 2),
        ("hold", True, 1),
    ]
    assert await store.trace.histogram(1000.0, 1004.0, 2.0) == {
        0: {("hold", "everyone"): 2},
        1: {("hold", "everyone"): 1, ("encrypt", "everyone"): 1},
    }


async def test_certificates_are_found_by_every_filter_and_counted(store: Store) -> None:
    soon = int(NOW) + 60
    lea, bob = certificate("Lefèvre 100 %", "lea@ville.example", expires=soon), certificate("bob", "bob@x.example")
    await store.certificates.upsert([entry(lea), entry(bob, origin=Origin.WKD, proposed=True)])

    async def found(wanted: Sought) -> list[str]:
        return [each.certificate.fingerprint for each in await store.certificates.some(wanted, 9)]

    for wanted in (Sought("LEFÈVRE"), Sought("100 %"), Sought(until=NOW + 60.5), Sought(domain="ville.example")):
        assert await found(wanted) == [lea.fingerprint], wanted
    for wanted in (Sought("BOB@"), Sought(bob.fingerprint[:9].lower()), Sought(origin="wkd"), Sought(proposed=True)):
        assert await found(wanted) == [bob.fingerprint], wanted
    assert [each.certificate for each in await store.certificates.first(1)] == [bob]
    assert await store.certificates.count_proposed() == 1
    assert await store.certificates.count_expiring(3600.5) == 1
    assert await store.certificates.by_key_ids([bob.primary.key_id])
    assert await store.certificates.shared([Address("bob@x.example")]) == []


INDEXED: dict[str, tuple[Callable[[Store], Awaitable[object]], str]] = {
    "how many end soon": (lambda store: store.certificates.count_expiring(60.5), "((expires >"),
    "which end soon": (lambda store: store.certificates.expiring(60.5), "((expires >"),
    "which end until then": (lambda store: store.certificates.some(Sought(until=NOW + 0.5), 9), "(expires <="),
    "whose keys are due": (lambda store: store.own_keys.due(NOW + 0.5), "(newest <"),
    "which mails wait": (lambda store: store.trace.held(NOW + 0.5), "(time >="),
    "figures": (lambda store: store.trace.histogram(NOW, NOW + 60.0, 6.0), "((time >="),
}


@pytest.mark.parametrize(("ask", "condition"), INDEXED.values(), ids=INDEXED)
async def test_no_index_was_taken_where_whole_seconds_were_compared_with_a_fraction(
    server: PostgreSQL, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Store], Awaitable[object]], condition: str
) -> None:
    """PostgreSQL compares such a column as a number with a fraction, of which there is no index."""
    plans: list[str] = []

    def explained(connection: Connection, work: Callable[[Connection], object]) -> object:
        given: list[tuple[str, tuple[object, ...]]] = []

        def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
            given.append((statement, values))

        event.listen(connection, "before_cursor_execute", note)
        found = work(connection)
        event.remove(connection, "before_cursor_execute", note)
        connection.exec_driver_sql("SET enable_seqscan = off")  # the tables are small
        for statement, values in given:
            plans.extend(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
        return found

    async with await Store.open(server.url, clock=lambda: NOW) as store:
        read = store.database.read
        monkeypatch.setattr(store.database, "read", lambda work: read(lambda c: explained(c, work)))
        await ask(store)
    assert any("Index Cond: " in line and condition.replace("time", '"time"') in line for line in plans), plans


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:10])
async def test_a_text_that_a_database_does_not_take_is_found_as_it_was_written_or_not_at_all(
    store: Store, odd: str
) -> None:
    """`trace --queue-id` with an octet that is no UTF-8 ended with an exception; PostgreSQL "could not be used"."""
    await store.trace.write([Record(NOW, odd, odd, odd, odd, odd, odd, odd, odd, "", "", "", 1)])
    for name in ("id", "queue_id", "message_id", "sender", "recipient", "action", "rule"):
        assert len(await rows(store, Selection(**{name: odd}))) == 1, name  # type: ignore[arg-type]  # a text column
    assert await store.certificates.some(Sought(odd), 9) == []
    assert await store.certificates.some(Sought(domain=odd), 9) == []
    assert await store.persons.one(odd) is None
    assert not await store.persons.enable(odd, "cli:root", enabled=False)
    assert await store.persons.of_login(Way.SUDO, odd) is None
    assert not await store.persons.unlink(odd, Way.SUDO, odd, "cli:root")


async def test_the_consoles_own_database_may_be_either(place: str) -> None:
    now = 1_000_000.5
    async with await ConsoleStore.open(place, clock=lambda: now) as store:
        anne = Session("anne", "g1", Role.DESK.value, "csrf", "oidc s1")
        await store.set_password("anne", "g1", Secrets("hash", "secret"))
        await store.set_password("anne", "g1", Secrets("other", "secret"))
        assert await store.password("anne", "g1") == Secrets("other", "secret")
        assert [await store.use_step("anne", step) for step in (5, 5, 6)] == [True, False, True]
        key = Passkey(b"\0id", "anne", "g1", b"\xff", 0)
        await store.add_passkey(key)
        assert await store.passkey(key.id) == key
        assert [await store.use_passkey(key, 1), await store.use_passkey(key, 1)] == [True, False]
        await store.begin("token", anne)
        now += IDLE - 1
        assert await store.session("token") == anne
        now += IDLE + 1
        assert await store.session("token") is None
        await store.attempt("token", "oidc", "value")
        assert await store.attempted("token", "oidc") == "value"
        await store.attempt("late", "oidc", "value")
        now += ATTEMPT + 1
        assert await store.attempted("late", "oidc") is None
        await store.end("token")
