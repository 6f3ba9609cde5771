from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from relay.model import Record
from relay.model.errors import StoreError
from relay.model.key_change import KeyChange
from relay.store import Link, Logged, Selection, Store, Trace, trace_rows
from relay.store.batch import WriteBatch

_REST = """time, id, queue_id, message_id, sender, recipient, action, rule, reason, fingerprint, signed_by, reply,
    size, sender_key, recipient_key, hash, shadow, direction, mark, binding FROM trace WHERE number = 20"""


def record(number: int, **changed: object) -> Record:
    values: dict[str, object] = {
        "time": 1000.0 + number,
        "id": f"id{number}",
        "queue_id": "4F",
        "message_id": f"<{number}@x>",
        "sender": "Alice@Hopital.example",
        "recipient": f"b{number}@bücher.example",
        "action": "encrypt",
        "rule": "everyone",
        "reason": "key found",
        "fingerprint": "AB" * 20,
        "signed_by": "",
        "reply": "250 2.0.0",
        "size": number,
    }
    return Record(**{**values, **changed})  # type: ignore[arg-type]  # a test's own mapping


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "store.db") as opened:
        yield opened


async def _sql(store: Store, *statements: str) -> None:
    for statement in statements:
        await store.database.write(lambda c, statement=statement: c.exec_driver_sql(statement))  # type: ignore[misc]  # mypy knows no defaults of lambdas


async def _fill(store: Store, count: int) -> list[Record]:
    records = [record(n) for n in range(1, count + 1)]
    for n in range(0, count, 700):
        await store.trace.write(records[n : n + 700])
    return records


async def test_what_is_written_comes_back_in_order(store: Store) -> None:
    records = await _fill(store, 2500)
    assert [r async for r in store.trace.select()] == records


async def test_it_is_selected_by_sender_recipient_id_and_time(store: Store) -> None:
    await _fill(store, 20)
    await store.trace.write([record(21, sender="")])

    async def ids(wanted: Selection) -> list[str]:
        return [r.id async for r in store.trace.select(wanted)]

    assert await ids(Selection(recipient="B7@xn--bcher-kva.example")) == ["id7"]
    assert await ids(Selection(sender="alice@hopital.example", since=1019.0)) == ["id19", "id20"]
    assert await ids(Selection(id="id3")) == ["id3"]
    assert await ids(Selection(sender="")) == ["id21"]
    assert await ids(Selection(recipient="b7@xn--bcher-kva.exampl")) == []
    assert await ids(Selection(until=1003.0)) == ["id1", "id2"]
    assert await ids(Selection(sender="alice@hopital.example", newest=3)) == ["id18", "id19", "id20"]
    assert await ids(Selection(newest=100)) == [f"id{n}" for n in range(1, 22)]
    assert await ids(Selection(action="hold")) == []
    assert len(await ids(Selection(action="encrypt"))) == 21
    assert await ids(Selection(rule="no such rule", newest=5)) == []


async def test_what_was_written_since_is_told_once(store: Store) -> None:
    await store.trace.write([record(1), record(2)])
    found, numbers = await store.trace.newer(Selection(), {})
    assert found == [record(1), record(2)]
    assert await store.trace.newer(Selection(), numbers) == ([], numbers)
    await store.trace.write([record(3), record(4, rule="other"), record(5)])
    found, numbers = await store.trace.newer(Selection(rule="everyone"), numbers)
    assert found == [record(3), record(5)]
    assert await store.trace.newer(Selection(), numbers) == ([], numbers)


async def test_decisions_are_counted_by_bar_action_and_rule(store: Store) -> None:
    rows = [record(0), record(59), record(60, action="hold"), record(61, rule="other"), record(-1), record(120)]
    await store.trace.write([*rows, KeyChange(1000.0, "cli:root", "a@x.example", "", "AB" * 20, "imported").record()])
    assert await store.trace.histogram(1000.0, 1120.0, 60.0) == {
        0: {("encrypt", "everyone"): 2},
        1: {("hold", "everyone"): 1, ("encrypt", "other"): 1},
    }


async def test_an_empty_trace_and_a_full_one_hold(store: Store) -> None:
    assert (await store.trace.verify()).holds
    await _fill(store, 2100)
    verdict = await store.trace.verify()
    assert (verdict.holds, verdict.checked, verdict.head) == (True, 2100, await store.trace.head())


@pytest.mark.parametrize(
    ("statement", "number", "fault"),
    [
        ("UPDATE trace SET action = 'clear' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET recipient_key = 'x' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET hash = zeroblob(32) WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET size = 7.5 WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET id = x'00ff' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET time = 9e999 WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET hash = 'text' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET shadow = 1 WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET shadow = 'x' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET shadow = 0 WHERE number = 20", 20, "altered"),
        ("UPDATE trace SET direction = 'in' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET mark = 'x' WHERE number = 7", 7, "altered"),
        ("UPDATE trace SET direction = 'out' WHERE number = 6", 6, "altered"),
        ("UPDATE trace SET mark = '' WHERE number = 6", 6, "altered"),
        ("UPDATE trace SET mark = '', direction = 'out' WHERE number = 6", 6, "altered"),
        ("DELETE FROM trace WHERE number = 7", 7, "missing"),
        ("DELETE FROM trace WHERE number <= 7", 1, "missing"),
        ("DELETE FROM trace WHERE number >= 19", 19, "missing at the end"),
        ("DELETE FROM trace", 1, "missing at the end"),
        ("UPDATE trace SET number = 21 WHERE number = 20", 20, "missing"),
        ("UPDATE trace_chain SET number = 19 WHERE name = 'head'", 19, "not as noted for the newest"),
        ("UPDATE trace_chain SET hash = zeroblob(32)", 20, "not as noted for the newest"),
        ("DELETE FROM trace_chain", 1, "put in after the newest"),
        (f"INSERT INTO trace SELECT '', 21, {_REST}", 21, "put in after the newest"),
        (f"INSERT INTO trace SELECT '', -1, {_REST}", -1, "stands before the anchor"),
    ],
)
async def test_the_first_row_that_was_altered_or_removed_is_told(
    store: Store, statement: str, number: int, fault: str
) -> None:
    await _fill(store, 5)
    await store.trace.write([record(6, direction="in", mark="encryption=none; signature=none; subject=unsigned")])
    await store.trace.write([record(number) for number in range(7, 20)])
    await store.trace.write([record(20, shadow=True)])
    await _sql(store, statement)
    verdict = await store.trace.verify()
    assert (verdict.number, verdict.fault) == (number, fault)


async def test_a_chain_cut_and_noted_anew_is_found_by_the_hash_in_the_log(store: Store) -> None:
    await _fill(store, 20)
    logged = await store.trace.logged()
    assert (await store.trace.verify(logged)).holds
    await _sql(
        store,
        "DELETE FROM trace WHERE number > 10",
        "UPDATE trace_chain SET number = 10, hash = (SELECT hash FROM trace WHERE number = 10) WHERE name = 'head'",
    )
    assert (await store.trace.verify()).holds
    verdict = await store.trace.verify(logged)
    assert (verdict.number, verdict.fault) == (11, "missing at the end")
    await store.trace.write([record(n) for n in range(30, 50)])
    verdict = await store.trace.verify(logged)
    assert (verdict.number, verdict.fault) == (20, "not as the log has it")


async def test_retention_takes_out_the_old_and_the_rest_still_verifies(store: Store) -> None:
    await _fill(store, 2500)
    logged = await store.trace.logged()
    assert await store.trace.prune(1000.0 + 2101, now=5000.0) == 2100
    assert [r.id async for r in store.trace.select()][:2] == ["id2101", "id2102"]
    assert (await store.trace.verify(logged)).checked == 400
    assert await store.trace.prune(1000.0 + 2101, now=5000.0) == 0
    await _sql(store, "DELETE FROM trace WHERE number = 2101")
    assert (await store.trace.verify()).number == 2101


@pytest.mark.parametrize("ahead", [1, 2, 1500], ids=["one row", "two rows", "more than a page"])
async def test_rows_from_a_clock_ahead_do_not_stop_retention(store: Store, ahead: int) -> None:
    """One row of the year 2035 stood before all later ones, and none of them was ever deleted."""
    future = [record(n, time=9e9) for n in range(11, 11 + ahead)]
    young = [record(n) for n in range(3000, 3010)]
    await store.trace.write([record(n) for n in range(1, 11)])
    await store.trace.write(future)
    await store.trace.write([record(n) for n in range(2000, 2010)])
    await store.trace.write(young)
    assert await store.trace.prune(1000.0 + 3000, now=5000.0) == 20 + ahead
    assert [r async for r in store.trace.select()] == young
    assert (await store.trace.verify()).holds


async def test_a_row_from_a_clock_ahead_stays_as_long_as_nothing_after_it_is_old(store: Store) -> None:
    await store.trace.write([record(1), record(2, time=9e9), record(3000)])
    assert await store.trace.prune(1000.0 + 3000, now=5000.0) == 1
    assert [r.id async for r in store.trace.select()] == ["id2", "id3000"]


async def test_a_row_from_a_clock_behind_takes_no_younger_one_with_it(store: Store) -> None:
    await store.trace.write([record(1), record(3000), record(3001, time=0.0), record(3002)])
    assert await store.trace.prune(1000.0 + 3000, now=5000.0) == 1
    assert [r.id async for r in store.trace.select()] == ["id3000", "id3001", "id3002"]


async def test_retention_looks_at_some_rows_at_a_time_however_many_are_old(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look at ten million of them kept a reader's thread busy for 16 s."""
    monkeypatch.setattr(trace_rows, "LOOK", 100)
    await _fill(store, 3000)
    read, steps = store.database.read, list[int]()

    async def counted(work: Callable[[Connection], object]) -> object:
        return await read(lambda connection: _steps(connection, work, steps))

    store.database.read = counted  # type: ignore[method-assign, assignment]  # only counts
    assert await store.trace.prune(1000.0 + 2900, now=5000.0) == 2899
    assert max(steps) < 10 * trace_rows.LOOK
    assert await store.trace.prune(1000.0 + 2950, now=5000.0) == 50


def _steps(connection: Connection, work: Callable[[Connection], object], steps: list[int]) -> object:
    """Do it; how many instructions SQLite's machine ran for it is added to `steps`."""
    steps.append(0)

    def ran() -> None:
        steps[-1] += 1

    driver = connection.connection.dbapi_connection
    assert driver
    driver.set_progress_handler(ran, 1)
    try:
        return work(connection)
    finally:
        driver.set_progress_handler(None, 0)


async def test_after_everything_was_taken_out_the_chain_goes_on(store: Store) -> None:
    await _fill(store, 5)
    head = await store.trace.head()
    assert await store.trace.prune(9e9, now=9e9) == 5
    assert await store.trace.head() == head
    assert (await store.trace.verify()).holds
    await store.trace.write([record(6)])
    assert (await store.trace.head()).number == 6
    assert (await store.trace.verify(Logged(head))).holds
    assert not (await store.trace.verify(Logged(Link(5, bytes(32))))).holds


async def test_retention_in_the_middle_of_a_walk_is_no_fault(store: Store) -> None:
    await _fill(store, 2500)
    read, pruned = store.database.read, False

    async def read_and_prune(work: object) -> object:
        nonlocal pruned
        found: object = await read(work)  # type: ignore[arg-type]  # passed through
        if not pruned:
            pruned = True
            await store.trace.prune(1000.0 + 101, now=5000.0)
        return found

    store.database.read = read_and_prune  # type: ignore[method-assign, assignment]  # only adds the moment
    verdict = await store.trace.verify()
    assert (verdict.holds, verdict.checked) == (True, 2400)


async def test_many_callers_share_commits_and_one_chain(store: Store) -> None:
    commits = 0
    write = store.database.write_beside

    async def counted(work: object) -> object:
        nonlocal commits
        commits += 1
        return await write(work)  # type: ignore[arg-type]  # passed through

    store.database.write_beside = counted  # type: ignore[method-assign, assignment]  # only counts
    await asyncio.gather(*(store.trace.write([record(n), record(n)]) for n in range(200)))
    assert commits <= 3
    assert (await store.trace.verify()).checked == 400


async def test_nothing_to_write_writes_nothing(store: Store) -> None:
    await store.trace.write([])
    assert await store.trace.head() == Link()


@pytest.mark.parametrize("missing", ["ledger", "trace"])
async def test_who_was_served_and_the_trace_of_it_are_both_on_disk_or_neither_is(store: Store, missing: str) -> None:
    """A relay killed between two commits left a recipient who was served, and of whom the trace knew nothing."""
    await _sql(store, f"CREATE TRIGGER full BEFORE INSERT ON {missing} BEGIN SELECT RAISE(ABORT, 'full'); END")
    both = store.ledger.record(b"t", ["b@x"]), store.trace.write([record(1)])
    assert [type(told) for told in await asyncio.gather(*both, return_exceptions=True)] == [StoreError] * 2
    await _sql(store, "DROP TRIGGER full")
    assert await store.ledger.served(b"t") == frozenset()
    assert [row async for row in store.trace.select()] == []


async def _two(store: Store) -> tuple[Trace, Trace]:
    """The traces of two nodes that share a database; SQLite is used here for what both kinds do alike."""
    return (
        Trace(store.database, WriteBatch(store.database), "alpha"),
        Trace(store.database, WriteBatch(store.database), "beta"),
    )


async def test_each_node_has_a_chain_and_all_are_told_together_in_time(store: Store) -> None:
    alpha, beta = await _two(store)
    await alpha.write([record(n) for n in range(1, 2001, 2)])
    await beta.write([record(n) for n in range(2, 2001, 2)])
    assert [row.id async for row in store.trace.select()] == [f"id{n}" for n in range(1, 2001)]
    assert [row.id async for row in beta.select(Selection(newest=3))] == ["id1998", "id1999", "id2000"]
    verdict = await beta.verify()
    assert [(each.name, each.checked) for each in verdict.chains] == [("alpha", 1000), ("beta", 1000)]
    assert (verdict.holds, verdict.checked, verdict.head) == (True, 2000, await beta.head())
    assert await alpha.prune(1000.0 + 1001, now=5000.0) == 1000
    assert (await beta.verify()).checked == 1000


async def test_a_file_copied_from_a_server_had_one_chain_more_which_was_empty(store: Store) -> None:
    assert [each.name for each in (await store.trace.verify()).chains] == [""]
    for trace in await _two(store):
        await trace.write([record(1)])
    verdict = await store.trace.verify()
    assert [(each.name, each.checked) for each in verdict.chains] == [("alpha", 1), ("beta", 1)]
    await store.trace.write([record(2)])
    assert [each.name for each in (await store.trace.verify()).chains] == ["", "alpha", "beta"]


async def test_a_chain_that_was_taken_out_shows_in_the_chain_of_another_node(store: Store) -> None:
    alpha, beta = await _two(store)
    await alpha.write([record(1), record(2)])
    await beta.note_others(2000.0)
    assert [row.id async for row in beta.select()] == ["id1", "id2"], "what is noted of a chain is no decision"
    assert await beta.summary() == await alpha.summary()
    await _sql(store, "DELETE FROM trace WHERE chain = 'alpha'", "DELETE FROM trace_chain WHERE chain = 'alpha'")
    faulty = (await beta.verify()).faulty
    assert faulty
    assert (faulty.name, faulty.number, faulty.fault) == ("alpha", 1, "missing at the end")


async def test_a_chain_made_anew_or_passed_off_as_another_shows(store: Store) -> None:
    alpha, beta = await _two(store)
    await alpha.write([record(1), record(2)])
    await beta.note_others(2000.0)
    await _sql(store, "DELETE FROM trace WHERE chain = 'alpha'", "DELETE FROM trace_chain WHERE chain = 'alpha'")
    await alpha.write([record(1), record(2, recipient="eve@x.example")])
    faulty = (await beta.verify()).faulty
    assert faulty
    assert (faulty.name, faulty.number, faulty.fault) == ("alpha", 2, "not as the chain of beta has it")
    await _sql(store, "UPDATE trace SET chain = 'gamma' WHERE chain = 'beta'")
    await _sql(store, "UPDATE trace_chain SET chain = 'gamma' WHERE chain = 'beta'")
    assert [each.fault for each in (await beta.verify()).chains if each.name == "gamma"] == ["altered"]


async def test_a_link_in_the_log_names_its_chain(store: Store) -> None:
    alpha, beta = await _two(store)
    await alpha.write([record(1)])
    await beta.write([record(2)])
    logged = await alpha.logged()
    assert Logged.parse(str(logged)) == logged
    assert (await beta.verify(logged)).holds
    assert (await beta.verify(Logged(logged.link))).holds, "without a name it may be any chain's"
    assert not (await beta.verify(Logged(logged.link, "beta"))).holds
    assert not (await beta.verify(Logged(Link(1, bytes(32)), "nobody"))).holds
