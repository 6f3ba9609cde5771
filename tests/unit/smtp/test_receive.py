"""A message is read up to its final dot: what follows it, and what is held of one that is too large."""

from __future__ import annotations

import asyncio

from lab.waiting import until

from relay.model import Reply
from relay.process.budget import Budget
from relay.process.room import Room
from relay.process.small_first import LARGE, MailInHand
from relay.smtp.bounds import Bounds
from relay.smtp.memory_share import MemoryShare
from relay.smtp.receive import receive

MOST = 4 * LARGE
BOUNDS = Bounds(max_message_size=MOST, patience=600.0)


def receiving(reader: asyncio.StreamReader, room: Room) -> asyncio.Task[bytes | Reply]:
    share = MemoryShare(Budget(MOST), room, BOUNDS)
    with MailInHand() as mail:
        mail.is_of(LARGE)
    return asyncio.create_task(receive(reader, share, BOUNDS, lambda _seconds: None, mail))


async def test_commands_behind_a_message_that_waits_for_room_keep_their_order() -> None:
    """What came while it waited stood before what had come with its final dot."""
    reader, room = asyncio.StreamReader(), Room(MOST)
    assert room.take_now(MOST)
    content = b"x" * LARGE + b"\r\n"
    reader.feed_data(content + b".\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c")
    task = receiving(reader, room)
    await until(lambda: room.waiting)
    reader.feed_data(b"@d.example>\r\n")
    room.give_back(MOST)
    assert await asyncio.wait_for(task, 10) == content
    assert await reader.readuntil(b"\r\n") == b"MAIL FROM:<a@b.example>\r\n"
    assert await reader.readuntil(b"\r\n") == b"RCPT TO:<c@d.example>\r\n"


async def test_a_message_that_is_too_large_keeps_no_room_while_it_is_read_to_its_end() -> None:
    reader, room = asyncio.StreamReader(), Room(MOST)
    reader.feed_data(b"x" * LARGE)
    task = receiving(reader, room)
    await until(lambda: room.free == 0)
    reader.feed_data(b"x" * MOST)
    await until(lambda: room.free == MOST)
    reader.feed_data(b"x" * LARGE)
    reader.feed_data(b"\r\n.\r\n")
    reply = await asyncio.wait_for(task, 10)
    assert isinstance(reply, Reply)
    assert str(reply).startswith("552 5.3.4")
    assert room.free == MOST
