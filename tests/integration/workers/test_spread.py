"""`workers: 2`, real processes: connections are spread evenly, whatever becomes of a worker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from lab.client import Client
from lab.connections import at_path, at_port
from lab.relay import Relay
from lab.waiting import until, wait_for

KEPT = 10
ROUNDS = 10
EVEN = ([5, 5], [4, 6])
"""Ten connections on two workers; two that decide in the same moment may differ by one more."""
WITHOUT = "import os\ndef fail(*_): raise OSError\nos.memfd_create = fail"


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    with two() as made:
        made.start()
        yield made


def two() -> Relay:
    made = Relay({"workers": 2})
    made.configure({**made.settings, "listen": [*made.settings["listen"], f"lmtp://{made.folder}/inlet"]})
    return made


def working(relay: Relay) -> list[int]:
    """The pids of both."""
    found = wait_for(lambda: pids if len(pids := relay.workers) == 2 else None, "both work", 100)
    return [found[number] for number in sorted(found)]


def shares(relay: Relay, pids: Sequence[int]) -> list[int]:
    """The connections of each."""
    return [at_port(relay.port, pid) + at_path(relay.folder / "inlet", pid) for pid in pids]


@asynccontextmanager
async def kept(relay: Relay, url: str = "", count: int = KEPT) -> AsyncIterator[list[int]]:
    """The shares of so many that came at once and were greeted; at the end the workers know that they have gone."""
    pids = working(relay)
    before = sum(shares(relay, pids))
    async with AsyncExitStack() as stack:
        made = [Client(url or f"lmtp://127.0.0.1:{relay.port}") for _ in range(count)]
        clients = await asyncio.gather(*map(stack.enter_async_context, made))
        assert {client.greeting for client in clients} == {"220 relay.example LMTP"}
        # whoever handed one over has it open for a moment more, and it may have been greeted by then
        await until(lambda: sum(shares(relay, pids)) == before + count)
        yield shares(relay, pids)
    await until(lambda: sum(shares(relay, working(relay))) <= before)


@pytest.mark.parametrize("place", ["port", "socket"])
async def test_ten_kept_connections_are_never_worse_than_six_and_four(relay: Relay, place: str) -> None:
    for _ in range(ROUNDS):
        async with kept(relay, f"lmtp://{relay.folder}/inlet" if place == "socket" else "") as each:
            assert sorted(each) in EVEN


async def test_places_count_together(relay: Relay) -> None:
    async with kept(relay, count=3), kept(relay, f"lmtp://{relay.folder}/inlet", count=7) as each:
        assert sorted(each) in EVEN


async def test_after_a_worker_was_killed_and_replaced_new_connections_are_spread_evenly(relay: Relay) -> None:
    async with kept(relay) as (left, _):
        _, second = working(relay)
        os.kill(second, signal.SIGKILL)
        await until(lambda: relay.workers.get(1, second) != second, 100)
        async with kept(relay, count=2 * KEPT) as (one, other):
            assert one + other == left + 2 * KEPT
            assert abs(one - other) <= 2
    async with kept(relay) as each:
        assert sorted(each) in EVEN


async def test_one_that_stands_still_keeps_nobody_waiting_but_those_it_was_given(relay: Relay) -> None:
    pids = working(relay)
    os.kill(pids[1], signal.SIGSTOP)
    try:
        made = [Client(f"lmtp://127.0.0.1:{relay.port}") for _ in range(KEPT)]
        greeted = [asyncio.create_task(client.__aenter__()) for client in made]
        await until(lambda: sum(task.done() for task in greeted) >= KEPT // 2)
    finally:
        os.kill(pids[1], signal.SIGCONT)
    await asyncio.gather(*greeted)
    await until(lambda: sum(shares(relay, pids)) == KEPT)
    for client in made:
        client.drop()
    await until(lambda: not any(shares(relay, pids)))


async def test_a_client_that_comes_while_no_worker_is_there_is_served_by_the_next(relay: Relay) -> None:
    pids = working(relay)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    client = Client(f"lmtp://127.0.0.1:{relay.port}")
    greeted = asyncio.create_task(client.__aenter__())
    await until(lambda: hasattr(client, "writer"))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(100):
        assert (await greeted).greeting == "220 relay.example LMTP"
    client.drop()
    await until(lambda: not set(pids) & {*relay.workers.values()})
    await until(lambda: not any(shares(relay, working(relay))))


async def test_where_nothing_can_be_shared_all_are_served_as_chance_has_it() -> None:
    with two() as relay:
        relay.altered = WITHOUT
        relay.start()
        async with kept(relay) as each:
            assert sum(each) == KEPT


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_ten_kept_connections_over_twenty_starts() -> None:
    with two() as relay:
        for _ in range(20):
            relay.start()
            async with kept(relay) as each:
                assert sorted(each) in EVEN
            relay.stop()
