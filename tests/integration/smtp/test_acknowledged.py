"""Whether a client has had its answer: what it had closed before, it has not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from lab.inlets import Running, inlet, take

from relay.model import Inbound, Reply

LINES = ("", "LHLO client.example\r\n", "MAIL FROM:<a@front.example>\r\n", "RCPT TO:<b@open.example>\r\n", "DATA\r\n")
MAIL = b"Subject: x\r\n\r\ntext\r\n.\r\n"


async def connected(running: Running) -> socket.socket:
    """A client that may send its mail now, and has read all that it was told."""
    wire = socket.create_connection(("127.0.0.1", running.port))
    wire.setblocking(False)  # noqa: FBT003  socket's
    loop = asyncio.get_running_loop()
    for line in LINES:
        await loop.sock_sendall(wire, line.encode())
        heard = b""
        while not any(each[3:4] == b" " for each in heard.splitlines()) or not heard.endswith(b"\n"):
            heard += await loop.sock_recv(wire, 4096)
    return wire


async def told(before: Callable[[socket.socket], None], after: Callable[[socket.socket], Awaitable[None]]) -> bool:
    """Whether the answer counts as delivered to a client that does this before and after it is written."""
    wires: list[socket.socket] = []

    async def process(inbound: Inbound) -> tuple[Reply, ...]:
        before(wires[0])  # nothing comes between this and the answer
        return take(inbound)

    loop = asyncio.get_running_loop()
    async with inlet(process=process) as running:
        wires.append(await connected(running))
        with wires[0]:
            await loop.sock_sendall(wires[0], MAIL)
            await running.until(got=1)
            await after(wires[0])
            await running.until(told=1)
    return running.told[0]


def nothing(_wire: socket.socket) -> None:
    pass


async def is_silent(_wire: socket.socket) -> None:
    pass


async def read(wire: socket.socket) -> None:
    assert (await asyncio.get_running_loop().sock_recv(wire, 4096)).startswith(b"250")


async def read_and_close(wire: socket.socket) -> None:
    await read(wire)
    wire.close()


async def test_a_client_that_closed_a_moment_before_the_answer_was_written_was_not_answered() -> None:
    """Its end was still on its way when the answer was written: that the connection closes then says nothing."""
    assert not await told(socket.socket.close, is_silent)


async def test_a_client_that_reads_its_answer_and_closes_was_answered() -> None:
    assert await told(nothing, read_and_close)


async def test_a_client_that_reads_its_answer_and_waits_was_answered() -> None:
    assert await told(nothing, read)
