"""What one message holds of the server's memory while it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from lab.waiting import until

from relay.process.budget import Budget
from relay.process.room import Room
from relay.process.small_first import LARGE
from relay.smtp.bounds import TIMES_ITS_SIZE, Bounds
from relay.smtp.memory_share import STEP, MemoryShare

MOST = 10 * LARGE
BOUNDS = Bounds(max_message_size=MOST, patience=600.0)


def share(
    room: Room, declared: int = 0, budget: Budget | None = None, waits: Callable[[int], None] = lambda _: None
) -> MemoryShare:
    return MemoryShare(budget or Budget(MOST), room, BOUNDS, declared, waits)


async def test_a_small_message_takes_what_has_come_of_it_and_nothing_of_the_room() -> None:
    budget, room = Budget(1000), Room(MOST)
    mine = share(room, budget=budget)
    assert await mine.cover(900, whole=False)
    assert not await mine.cover(1100, whole=False)
    assert (budget.free, room.free) == (100, MOST)
    mine.release()
    mine.release()
    assert budget.free == 1000


@pytest.mark.parametrize(
    ("declared", "come", "whole", "taken"),
    [
        (3 * LARGE, LARGE, False, 3 * LARGE),
        (0, LARGE, False, MOST),  # it declared nothing: it may have any size
        (0, 2 * LARGE, True, 2 * LARGE),
        (LARGE, 2 * LARGE, False, MOST),  # it declared too little
    ],
)
async def test_a_large_message_takes_at_once_all_that_it_will_need(
    declared: int, come: int, whole: bool, taken: int
) -> None:
    budget, room = Budget(MOST), Room(MOST)
    mine = share(room, declared, budget)
    assert await mine.cover(1000, whole=False)
    assert await mine.cover(come, whole=whole)
    assert (budget.free, room.free) == (MOST, MOST - taken)
    mine.trim(come)
    assert room.free == MOST - come
    mine.release()
    mine.release()
    assert room.free == MOST


async def test_a_message_that_waits_says_so_once_and_one_that_finds_room_or_none_at_all_says_nothing() -> None:
    room, told = Room(4 * LARGE), list[int]()
    first = share(room, 3 * LARGE, waits=told.append)
    assert await first.cover(LARGE, whole=False)
    assert not await share(room, 5 * LARGE, waits=told.append).cover(LARGE, whole=False)
    assert told == []
    waiting = asyncio.create_task(share(room, 2 * LARGE, waits=told.append).cover(LARGE, whole=False))
    await until(lambda: room.waiting)
    assert told == [2 * LARGE]
    first.release()
    assert await asyncio.wait_for(waiting, 10)
    assert told == [2 * LARGE]


async def test_two_large_messages_that_have_come_in_part_do_not_wait_for_each_other() -> None:
    """The second holds nothing while it waits, so the first comes to its end."""
    room = Room(4 * LARGE)
    one, two = share(room, 3 * LARGE), share(room, 3 * LARGE)
    assert await one.cover(LARGE, whole=False)
    waiting = asyncio.create_task(two.cover(LARGE, whole=False))
    await until(lambda: room.waiting)
    assert await one.cover(3 * LARGE, whole=True)
    one.release()
    assert await asyncio.wait_for(waiting, 10)
    assert room.free == LARGE


async def test_a_message_that_outgrows_what_it_declared_does_not_wait_while_it_holds_room() -> None:
    room = Room(MOST)
    one, two = share(room, 6 * LARGE), share(room, 3 * LARGE)
    assert await one.cover(LARGE, whole=False)
    assert await two.cover(LARGE, whole=False)
    assert not await asyncio.wait_for(two.cover(4 * LARGE, whole=False), 10)
    two.release()
    assert room.free == MOST - 6 * LARGE
    assert await one.cover(7 * LARGE, whole=True)
    assert room.free == MOST - 7 * LARGE


async def test_a_message_one_octet_larger_than_it_declared_needs_no_room_for_the_largest_one() -> None:
    """Postfix breaks long lines as it sends them; the room was asked for all that any message may have."""
    room = Room(4 * LARGE)
    mine = share(room, 3 * LARGE)
    assert await mine.cover(LARGE, whole=False)
    assert await mine.cover(3 * LARGE + 1, whole=False)
    assert room.free == LARGE - 1 - STEP
    assert await mine.cover(3 * LARGE + 2, whole=False)
    mine.trim(3 * LARGE + 2)
    assert room.free == LARGE - 2
    largest = share(Room(MOST), 3 * LARGE)
    assert await largest.cover(LARGE, whole=False)
    assert await largest.cover(MOST, whole=False), "the step is not beyond what any message may have"


def test_the_largest_message_has_room_however_small_the_setting() -> None:
    assert Bounds.within(1 << 30, max_message_size=1 << 20).room == (1 << 30) // TIMES_ITS_SIZE
    assert Bounds.within(1, max_message_size=1 << 20).room == 1 << 20
