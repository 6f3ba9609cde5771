"""How SQLite finds one certificate among any number: through an index, whatever the number."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from lab.synthetic import certificate, entry
from sqlalchemy import Connection, event, select

from relay.model import Record
from relay.model.key_change import KeyChange
from relay.store import Selection, Store, key_changes, schema, trace_rows
from relay.store import certificate_queries as queries
from relay.store.schema import tables
from relay.store.sought import Sought
from relay.store.statements import CHUNK

BOB = certificate("bob")
LOOKUPS: dict[str, tuple[Callable[[Connection], object], set[str]]] = {
    "by address": (lambda c: queries.by_address(c, "bob@example.org"), {"state", "address", "certificate"}),
    "by fingerprint": (lambda c: queries.by_fingerprints(c, [BOB.fingerprint]), {"certificate"}),
    "by many fingerprints": (
        lambda c: queries.by_fingerprints(c, [certificate(f"n{n}").fingerprint for n in range(CHUNK)]),
        {"certificate"},
    ),
    "by key id": (lambda c: queries.search(c, BOB.primary.key_id), {"certificate"}),
    "by a fingerprint's beginning": (lambda c: queries.search(c, BOB.fingerprint[:12]), {"certificate"}),
    "which key counts for an address": (
        lambda c: key_changes._standing(c, ["bob@example.org"]),
        {"address", "certificate"},
    ),
    "whether anything has changed": (queries.token, {"state"}),
}


OVER_THE_TRACE: dict[str, tuple[Callable[[Connection], object], str]] = {
    "who waits": (lambda c: trace_rows.held(c, 0.0, 0.0), "trace_mail"),
    "a recipient": (lambda c: newest(c, Selection(recipient="bob@example.org")), "trace_recipient_key"),
    "a sender": (lambda c: newest(c, Selection(sender="bob@example.org")), "trace_sender_key"),
}


def newest(connection: Connection, wanted: Selection) -> None:
    number = schema.trace.c.number
    statement = select(number).where(*trace_rows.matching(wanted), schema.trace.c.chain == "").order_by(number.desc())
    connection.execute(statement.limit(20))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "s.db") as opened:
        await opened.certificates.upsert([entry(BOB), *(entry(certificate(f"n{n}")) for n in range(50))])
        yield opened


def steps(connection: Connection, work: Callable[[Connection], object]) -> list[str]:
    """SQLite's plan for each statement that this work gives it."""
    given: list[tuple[str, tuple[object, ...]]] = []

    def note(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
        given.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    work(connection)
    event.remove(connection, "before_cursor_execute", note)
    plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values) for statement, values in given]
    return [row.detail for plan in plans for row in plan]


@pytest.mark.parametrize(("work", "asked"), LOOKUPS.values(), ids=LOOKUPS)
async def test_looking_one_up_goes_through_an_index_and_reads_no_table_from_end_to_end(
    store: Store, work: Callable[[Connection], object], asked: set[str]
) -> None:
    found = await store.database.read(lambda connection: steps(connection, work))

    searched = {step.split()[1] for step in found if step.startswith("SEARCH ") and " INDEX " in step}
    scanned = {word for step in found if step.startswith("SCAN") for word in step.split()}
    assert asked <= searched, found
    assert not [step for step in found if "certificate_proposed" in step], "of nearly all certificates"
    assert not scanned & set(tables.tables), found


@pytest.mark.parametrize(("work", "index"), OVER_THE_TRACE.values(), ids=OVER_THE_TRACE)
async def test_the_trace_is_looked_through_by_an_index(
    store: Store, work: Callable[[Connection], object], index: str
) -> None:
    found = await store.database.read(lambda connection: steps(connection, work))

    assert any(f"INDEX {index} " in step for step in found), found
    assert not [step for step in found if step.startswith("SCAN trace")], found


ASKED_BY_PEOPLE: dict[str, tuple[Callable[[Store], Awaitable[object]], str]] = {
    "figures": (lambda store: store.trace.histogram(0.0, 86400.0, 3600.0), "COVERING INDEX trace_figures"),
    "a queue id": (lambda store: rows_of(store, Selection(queue_id="4F1", newest=200)), "INDEX trace_queue_id"),
    "a Message-ID": (lambda store: rows_of(store, Selection(message_id="<1@x>", newest=200)), "INDEX trace_message_id"),
    "changes of keys": (lambda store: rows_of(store, Selection(keys=True, newest=200)), "INDEX trace_key_changes"),
    "proposals": (lambda store: store.certificates.proposed(200), "INDEX certificate_proposed"),
    "a text of a key": (lambda store: store.certificates.some(Sought("bob"), 9), "COVERING INDEX certificate_text"),
    "a fingerprint": (lambda store: store.certificates.some(Sought("AB CD"), 9), "COVERING INDEX certificate_text"),
    "a key id": (lambda store: store.certificates.by_key_ids(["00" * 8]), "COVERING INDEX certificate_text"),
    "how many end soon": (lambda store: store.certificates.count_expiring(60.0), "INDEX certificate_expires"),
}


async def rows_of(store: Store, wanted: Selection) -> list[Record]:
    return [record async for record in store.trace.select(wanted)]


@pytest.mark.parametrize(("work", "index"), ASKED_BY_PEOPLE.values(), ids=ASKED_BY_PEOPLE)
async def test_what_a_page_asks_goes_through_an_index(
    store: Store, monkeypatch: pytest.MonkeyPatch, work: Callable[[Store], Awaitable[object]], index: str
) -> None:
    await store.trace.write([KeyChange(1.0, "cli:root", "a@x.example", "", BOB.fingerprint, "imported").record()])
    plans: list[str] = []
    read = store.database.read

    async def planned(asked: Callable[[Connection], object]) -> object:
        plans.extend(await read(lambda connection: steps(connection, asked)))
        return await read(asked)

    monkeypatch.setattr(store.database, "read", planned)
    await work(store)
    assert [plan for plan in plans if index in plan], plans
    assert not [
        plan for plan in plans if plan.startswith(("SCAN trace ", "SCAN certificate ")) and "INDEX" not in plan
    ], plans
