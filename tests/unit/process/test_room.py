"""Large mails wait for memory in turn, and none for ever."""

from __future__ import annotations

import asyncio

import pytest

from relay.process.room import Room

LONG = 600.0


async def test_who_finds_no_room_waits_until_there_is() -> None:
    room = Room(100)
    assert await room.take(60, LONG)
    other = waiting(room, 50)
    await turns()
    assert room.waiting == 1
    room.give_back(60)
    assert await asyncio.wait_for(other, 10)
    assert (room.free, room.waiting) == (50, 0)


async def test_who_came_first_is_first_whatever_its_size() -> None:
    room = Room(100)
    assert await room.take(60, LONG)
    large = waiting(room, 100)
    await turns()
    small = waiting(room, 10)
    await turns()
    assert not room.take_now(10)
    assert room.waiting == 2
    room.give_back(60)
    assert await asyncio.wait_for(large, 10)
    assert not small.done()
    room.give_back(100)
    assert await asyncio.wait_for(small, 10)


async def test_who_waits_too_long_goes_and_those_behind_move_up() -> None:
    room = Room(100)
    assert await room.take(60, LONG)
    behind: list[asyncio.Task[bool]] = []
    impatient = waiting(room, 100, 0.05)
    await turns()
    behind.append(waiting(room, 40))
    assert not await asyncio.wait_for(impatient, 10)
    assert await asyncio.wait_for(behind[0], 10)
    room.give_back(100)
    assert (room.free, room.waiting) == (100, 0)


async def test_more_than_there_ever_is_is_refused_at_once() -> None:
    room = Room(100)
    assert not await asyncio.wait_for(room.take(101, LONG), 10)
    assert await room.take(100, LONG)


@pytest.mark.parametrize("granted", [False, True])
async def test_who_is_given_up_while_waiting_holds_nothing(granted: bool) -> None:
    room = Room(100)
    assert await room.take(60, LONG)
    one = waiting(room, 50)
    await turns()
    if granted:
        room.give_back(60)
    one.cancel()
    await asyncio.wait({one})
    assert one.cancelled()
    assert (room.free, room.waiting) == (100 if granted else 40, 0)


def waiting(room: Room, octets: int, seconds: float = LONG) -> asyncio.Task[bool]:
    return asyncio.create_task(room.take(octets, seconds))


async def turns() -> None:
    """Of the event loop."""
    for _ in range(5):
        await asyncio.sleep(0)
