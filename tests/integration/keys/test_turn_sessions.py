"""The session that holds the locks on mails in hand: what it survives, and what is told when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from lab.postgresql import PostgreSQL, one_server
from lab.waiting import until

from relay.model.errors import StoreError
from relay.store import Store, turns
from relay.store.turns import Turns

PLACE, NEXT = 7, 8


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with one_server() as running:
        yield running


@pytest.fixture
async def store(server: PostgreSQL) -> AsyncIterator[Store]:
    async with await Store.open(server.url) as opened:
        yield opened


@pytest.fixture
async def asking(server: PostgreSQL) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.url)
    yield connection
    await connection.close()


@pytest.fixture
def lost() -> list[int]:
    """What was told of lost locks."""
    return []


@pytest.fixture
async def mine(store: Store, lost: list[int]) -> AsyncIterator[Turns]:
    opened = await store.turns(lost.append)
    assert opened
    yield opened
    await opened.close()


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Turns]:
    opened = await store.turns()
    assert opened
    yield opened
    await opened.close()


async def test_a_statement_that_the_server_refuses_does_not_cost_the_mails_in_hand_their_locks(
    mine: Turns, other: Turns, asking: asyncpg.Connection, lost: list[int]
) -> None:
    assert await mine.try_take(PLACE, b"t") is not None
    await asking.execute("ALTER TABLE state RENAME TO away")
    try:
        with pytest.raises(StoreError):
            await mine.try_take(NEXT, b"u")
    finally:
        await asking.execute("ALTER TABLE away RENAME TO state")
    assert await other.try_take(PLACE, b"t") is None
    assert mine.holds(PLACE)
    assert lost == []
    assert await mine.try_take(NEXT + 1, b"v") is not None
    mine.give_back(PLACE)
    await until(lambda: not mine._former)
    await _takes(other, PLACE)
    await _takes(other, NEXT)


async def test_a_server_made_read_only_does_not_cost_the_mails_in_hand_their_locks(
    mine: Turns, other: Turns, asking: asyncpg.Connection, lost: list[int]
) -> None:
    assert await mine.try_take(PLACE, b"t") is not None
    await asking.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        await asking.execute("SELECT pg_reload_conf()")
        with pytest.raises(StoreError, match="read-only"):
            await _until_refused(mine)
    finally:
        await asking.execute("SET default_transaction_read_only = off")
        await asking.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await asking.execute("SELECT pg_reload_conf()")
    assert mine.holds(PLACE)
    assert lost == []
    await _takes(other, NEXT)
    assert await other.try_take(PLACE, b"t") is None


async def test_a_session_that_the_server_ends_is_told_with_the_number_of_mails_in_hand(
    mine: Turns, other: Turns, asking: asyncpg.Connection, lost: list[int]
) -> None:
    assert await mine.try_take(PLACE, b"t") is not None
    assert await mine.try_take(NEXT, b"u") is not None
    session = mine._session
    assert session
    await asking.execute("SELECT pg_terminate_backend($1)", session.pid)
    await until(lambda: lost)
    assert lost == [2]
    assert not mine.holds(PLACE)
    await _takes(other, PLACE)


async def test_a_session_that_the_server_ends_because_its_process_stood_still_is_told(
    store: Store, other: Turns, lost: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "SILENT_SECONDS", 2.0)
    mine = await store.turns(lost.append)
    assert mine
    assert await mine.try_take(PLACE, b"t") is not None
    time.sleep(3)  # noqa: ASYNC251  nothing of this process goes on
    await _takes(other, PLACE)
    await until(lambda: lost)
    assert lost == [1]
    assert not mine.holds(PLACE)
    assert await mine.try_take(NEXT, b"u") is not None
    await mine.close()


async def test_a_place_that_was_given_up_and_asked_for_again_in_one_round_is_held_and_given_back(
    mine: Turns, other: Turns
) -> None:
    session = await mine._ready()
    async with session.turn:  # the server is slow: both are asked in one round
        given_up = asyncio.ensure_future(mine.try_take(NEXT, b"u"))
        await asyncio.sleep(0.1)
        first = asyncio.ensure_future(mine.try_take(PLACE, b"t"))
        await asyncio.sleep(0.1)
        first.cancel()
        again = asyncio.ensure_future(mine.try_take(PLACE, b"t"))
        await asyncio.sleep(0.1)
    assert await given_up is not None
    assert await again is not None
    await mine.try_take(NEXT + 1, b"v")  # the round after the one in which the first is given back
    assert mine.holds(PLACE)
    assert await other.try_take(PLACE, b"t") is None
    mine.give_back(PLACE)
    await _takes(other, PLACE)


async def test_a_place_taken_again_as_its_session_ended_was_given_back_in_the_new_session_and_was_everybodys(
    mine: Turns, other: Turns
) -> None:
    assert await mine.try_take(PLACE, b"t") is not None
    ended = mine._session
    assert ended
    async with ended.turn:
        await ended.connection.execute("SELECT pg_advisory_unlock($1)", PLACE)  # as the server does at the end
    mine.give_back(PLACE)
    ended.connection.terminate()  # both are in one round, which finds the session closed
    assert await mine.try_take(PLACE, b"t") is not None
    assert mine._session is not ended
    assert await other.try_take(PLACE, b"t") is None
    mine.give_back(PLACE)
    await _takes(other, PLACE)


async def test_a_round_that_came_too_late_for_its_session_took_the_turn_of_the_mails_in_hand(mine: Turns) -> None:
    assert await mine.try_take(PLACE, b"t") is not None
    session = mine._session
    assert session
    async with session.turn:
        late = asyncio.ensure_future(mine.try_take(NEXT, b"u"))
        await until(lambda: session.turn._waiters)
        mine._put_aside(session)
    with pytest.raises(StoreError):
        await late
    assert mine.holds(PLACE)


async def _takes(taker: Turns, place: int) -> None:
    """As soon as it is free."""
    async with asyncio.timeout(60):
        while await taker.try_take(place, b"t") is None:
            pass


async def _until_refused(taker: Turns) -> None:
    """The server has read its settings again."""
    for number in range(2000):
        await taker.try_take(100 + number, b"w")
        await asyncio.sleep(0.01)
