"""LDAP servers that mean harm, and a front before a real one that becomes any of them.

Each is a handler of a connection for `asyncio.start_server`. `with Front(port) as front` listens in a thread of its own
and hands connections through to that port; `front.behave(handler)` makes it evil, None good again; `front.met` is how
many connections it has had since.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from lab.ports import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        pass
    writer.close()


async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def talks_nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def accepts_the_bind_then_never_stops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.write(bytes.fromhex("300c02010161070a010004000400"))
    await reader.read(1024)
    entry = bytes.fromhex("3018020102641304046f753d78300b3009040161310404026b6b")
    while not writer.is_closing():
        writer.write(entry * 5000)
        try:
            await writer.drain()
        except ConnectionError:
            return


async def accepts_the_bind_then_half_an_entry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.write(bytes.fromhex("300c02010161070a010004000400"))
    await reader.read(1024)
    writer.write(bytes.fromhex("3018020102641304046f753d78"))
    await says_nothing(reader, writer)


async def answers_byte_by_byte(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    for octet in bytes.fromhex("300c02010161070a010004000400") * 100:
        writer.write(bytes([octet]))
        await asyncio.sleep(1)


EVIL: dict[str, Handler] = {
    "says nothing": says_nothing,
    "resets": resets,
    "no LDAP": talks_nonsense,
    "an answer without end": accepts_the_bind_then_never_stops,
    "half an entry": accepts_the_bind_then_half_an_entry,
    "one byte a second": answers_byte_by_byte,
}


class Front:
    """See the module."""

    def __init__(self, behind: int) -> None:
        self.port = free_port()
        self.met = 0
        self._behind = behind
        self._handler: Handler | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(60)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def behave(self, handler: Handler | None, behind: int | None = None) -> None:
        """From now on, and what is open is over."""
        asyncio.run_coroutine_threadsafe(self._behave(handler, behind or self._behind), self._loop).result(60)

    async def cut(self) -> None:
        """What is open is over."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end_all(), self._loop))

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._server.close()
        await self._end_all()

    async def _behave(self, handler: Handler | None, behind: int) -> None:
        self._handler, self._behind, self.met = handler, behind, 0
        await self._end_all()

    async def _end_all(self) -> None:
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        self.met += 1
        try:
            with suppress(ConnectionError, asyncio.CancelledError):  # `behave` ends it
                await (self._handler or self._through)(reader, writer)
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        finally:
            there_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(1 << 16):
        writer.write(octets)
        await writer.drain()
    writer.close()
