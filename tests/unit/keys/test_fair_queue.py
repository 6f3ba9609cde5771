"""Places are shared fairly, and no more are given than there are."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest
from lab.waiting import until

from relay.keys.fair_queue import FairQueue, Ticket


class Holder:
    """Fetches that go on until they are let go; who holds places, at which scopes."""

    def __init__(self, places: int, places_each: int) -> None:
        self.queue = FairQueue(places, places_each)
        self.held: Counter[object] = Counter()
        self.scopes: Counter[str] = Counter()
        self.go = asyncio.Event()

    def ticket(self, scope: str, *owners: object) -> Ticket:
        ticket = Ticket(scope)
        for owner in owners:
            self.queue.join(ticket, owner)
        return ticket

    def fetch(self, scope: str, *owners: object) -> asyncio.Task[None]:
        return asyncio.create_task(self.run(self.ticket(scope, *owners)))

    async def run(self, ticket: Ticket) -> None:
        async with self.queue.place(ticket):
            assert ticket.turn
            owner = ticket.turn.result()
            self.held[owner] += 1
            self.scopes[ticket.scope] += 1
            try:
                await self.go.wait()
            finally:
                self.held[owner] -= 1
                self.scopes[ticket.scope] -= 1


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_message_leaves_places_for_the_next_and_that_one_for_a_third() -> None:
    holder = Holder(64, 2)
    [holder.fetch(f"a{n}", "large") for n in range(500)]
    await settled()
    assert holder.held == {"large": 32}
    [holder.fetch(f"b{n}", "another") for n in range(500)]
    await settled()
    assert holder.held == {"large": 32, "another": 21}
    holder.fetch("c", "small")
    await settled()
    assert holder.held["small"] == 1


async def test_places_that_come_free_go_to_the_messages_in_turn() -> None:
    holder = Holder(4, 4)
    order = []

    async def fetch(owner: str) -> None:
        ticket = holder.ticket("directory", owner)
        async with holder.queue.place(ticket):
            order.append(owner)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for owner in "a" * 30 + "b" * 5 + "c":
            group.create_task(fetch(owner))
    assert order.index("c") < 8
    assert "".join(order).rindex("b") < 20


async def test_a_scope_that_is_full_holds_up_no_other_of_the_same_message() -> None:
    holder = Holder(64, 2)
    [holder.fetch("slow", "large") for _ in range(100)]
    holder.fetch("fast", "large")
    await settled()
    assert holder.scopes == {"slow": 2, "fast": 1}


async def test_a_fetch_that_two_messages_wait_for_has_its_turn_as_soon_as_one_of_them_has() -> None:
    holder = Holder(4, 4)
    [holder.fetch(f"{n}", "large") for n in range(100)]
    shared = holder.ticket("shared", "large")
    task = asyncio.create_task(holder.run(shared))
    await settled()
    assert shared.queued
    holder.queue.join(shared, "small")
    await settled()
    assert shared.begun
    assert not task.done()


async def test_whoever_leaves_gives_back_his_turn_and_his_place() -> None:
    holder = Holder(2, 2)
    first, *rest = (holder.fetch("directory", f"{n}") for n in range(10))
    await settled()
    for task in (first, *rest[:8]):
        task.cancel()
    await settled()
    assert holder.held.total() == 1
    assert not rest[8].done()


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_comes_and_goes_the_limits_hold_and_everybody_is_served(
    seed: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(seed)  # noqa: S311  to be repeated
    places, each = chance.randint(1, 8), chance.randint(1, 3)
    queue = FairQueue(places, each)
    now: Counter[str] = Counter()
    served = cancelled = 0

    async def fetch(ticket: Ticket) -> None:
        nonlocal served
        async with queue.place(ticket):
            now[ticket.scope] += 1
            assert now[ticket.scope] <= each
            assert now.total() <= places
            await asyncio.sleep(chance.random() / 200)
            now[ticket.scope] -= 1
            served += 1

    tasks = []
    for _ in range(300):
        ticket = Ticket(f"{chance.randint(0, 9)}")
        owners = [chance.randint(0, 5) for _ in range(chance.randint(1, 3))]
        for owner in owners:
            queue.join(ticket, owner)
        tasks.append(asyncio.create_task(fetch(ticket)))
        match chance.randint(0, 9):
            case 0:
                await asyncio.sleep(chance.random() / 100)
            case 1:
                queue.join(ticket, 7)
            case 2:
                queue.leave(ticket, owners[0])
                queue.join(ticket, 8)
            case 3 if not ticket.begun:
                tasks.pop().cancel()
                cancelled += 1
            case _:
                pass
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)
    assert served == len(tasks)
    await until(lambda: not queue._held and not queue._waiting and not queue._in_scope)
    record_property("counted", f"{served} served, {cancelled} cancelled, {places} places")
