"""What shares a round trip to PostgreSQL is as safe as if each statement had its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import asyncpg
import pytest
from lab.postgresql import PostgreSQL, one_server
from sqlalchemy import Connection

from relay.model import Record
from relay.model.errors import StoreError
from relay.store import Network, Store, hash_chain, turn_round, turns

PLACE = 7
GATE = 1
TEXTS = ("queue", "<m@x>", "a@x", "b@x", "encrypt", "rule", 'because \\ é "', "AB" * 20, "", "250 2.0.0", 1)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with one_server() as running:
        yield running


@pytest.fixture
async def store(server: PostgreSQL) -> AsyncIterator[Store]:
    async with await Store.open(server.url) as opened:
        yield opened


async def test_who_takes_a_transaction_is_told_whom_another_served_until_it_gave_it_back(
    store: Store, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement that takes it began before: what is read in the same one would be as it was then."""
    first, second = await store.turns(), await store.turns()
    assert first
    assert second
    monkeypatch.setattr(turns, "ANSWER_SECONDS", 60)
    await (await second._ready()).connection.fetch("SET lock_timeout = 0")
    assert await first.try_take(PLACE, b"t") == frozenset()
    waiting = turn_round.STATEMENT.replace(
        "FROM unnest($1::bigint[]) AS place", f"FROM unnest($1::bigint[]) AS place, pg_advisory_xact_lock({GATE})"
    )
    assert waiting != turn_round.STATEMENT
    async with _closed_gate(server) as somebody_waits:
        with monkeypatch.context() as patched:
            patched.setattr(turn_round, "STATEMENT", waiting)
            taking = asyncio.create_task(second.try_take(PLACE, b"t"))
            await somebody_waits()
        await store.ledger.record(b"t", ["a@x", "b\udce9@x"])
        first.give_back(PLACE)
        await first.try_take(PLACE + 1, b"u")  # the round that gives it back has ended
    assert await taking == frozenset({"a@x", "b\udce9@x"})
    await first.close()
    await second.close()


async def test_a_place_that_is_given_back_and_taken_in_one_round_is_held_once(store: Store) -> None:
    first, second = await store.turns(), await store.turns()
    assert first
    assert second
    await first.try_take(PLACE, b"t")
    first.give_back(PLACE)
    assert await first.try_take(PLACE, b"t") is not None
    assert await second.try_take(PLACE, b"t") is None
    first.give_back(PLACE)
    await first.try_take(PLACE + 1, b"u")  # the round after the one that gives it back
    assert await second.try_take(PLACE, b"t") is not None
    await first.close()
    await second.close()


async def test_rows_that_processes_of_one_node_write_in_either_way_are_one_chain(server: PostgreSQL) -> None:
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(await Store.open(server.url, network=Network("n", 2))) for _ in range(3)
        ]
        await asyncio.gather(*(_written(each, number) for number, each in enumerate(stores)))
        verdict = await stores[0].trace.verify()
        assert verdict.holds
        assert (await stores[0].trace.last_numbers())["n"] == 3 * 20 * 3
        assert len([row async for row in stores[0].trace.select()]) == 3 * 20 * 3


async def _written(store: Store, process: int) -> None:
    for number in range(20):
        rows = [
            Record(1e9 + number / 3, f"{process} {number} {row}", *TEXTS, shadow=bool(row), mark="x" * (row // 2))
            for row in range(3)
        ]
        if number % 4:
            await store.trace.write(rows)
        else:
            await store.database.write_beside(partial(hash_chain.append, records=rows))


async def test_a_statement_that_may_have_been_committed_is_not_tried_again(store: Store) -> None:
    tried: list[None] = []

    def ends_its_session(connection: Connection) -> None:
        tried.append(None)
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreError):
        await store.database.write_at_once(ends_its_session)
    assert len(tried) == 1
    await store.ledger.record(b"t", ["a@x"])


@asynccontextmanager
async def _closed_gate(server: PostgreSQL) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The lock `GATE` is held meanwhile; what is given returns once another session waits for it."""
    asking = await asyncpg.connect(server.url)

    async def somebody_waits() -> None:
        async with asyncio.timeout(60):
            while not await asking.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ):
                pass

    try:
        await asking.execute(f"SELECT pg_advisory_lock({GATE})")
        yield somebody_waits
    finally:
        await asking.close()
