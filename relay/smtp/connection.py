"""One connection to the next hop: aiosmtplib's protocol with a queue of replies.

aiosmtplib reads one reply a command and discards further ones; LMTP answers once a recipient (RFC 2033
section 4.2) and PIPELINING (RFC 2920) sends commands without waiting. An unsolicited reply, such as
421 before the next hop closes an idle connection, ends the connection: it could be taken for the reply
to the next command. Every failure of the connection is a `NextHopError`; `Broken` means that the connection
ended, and not that the next hop was slow.
"""
# ruff: noqa: ASYNC109  each step has its own deadline, which its caller knows

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections import deque
from collections.abc import Callable, Iterable

from aiosmtplib.errors import SMTPException
from aiosmtplib.protocol import MAX_RESPONSE_LENGTH, SMTPProtocol
from aiosmtplib.response import SMTPResponse

from relay.model.errors import NextHopError, TurnLost
from relay.process.small_first import give_way

Said = SMTPResponse
"""A reply of the next hop: `code` and `message`, its lines joined by LF."""


CLOSING = 421
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Broken(NextHopError):
    """The connection ended before the answer."""


class Connection(SMTPProtocol):
    """Commands out, replies in, in their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._replies: deque[Said] = deque()
        self._awaited = 1  # the greeting
        self._wanted = 1
        self._heard = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self.extensions: dict[str, str] = {}
        """What was announced: keyword in lower case, parameters."""

    # Called by asyncio

    def data_received(self, data: bytes) -> None:
        """Queue every complete reply."""
        self._buffer.extend(data)
        try:
            while (reply := self._read_response_from_buffer()) is not None:
                self._take(reply)
        except SMTPException:
            self.abandon()
        if len(self._buffer) > MAX_RESPONSE_LENGTH:
            self.abandon()

    def _take(self, reply: Said) -> None:
        if self._awaited > len(self._replies) and 200 <= reply.code <= 599:
            self._replies.append(reply)
            self._heard = self._loop.time()
            if len(self._replies) >= self._wanted or reply.code == CLOSING:
                self._wake()
        else:
            self.abandon()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended: wake those who wait for a reply."""
        super().connection_lost(exc)
        self._ended = True
        self._wake()

    def abandon(self) -> None:
        """End it now; replies that have come can still be read."""
        self._ended = True
        self._wake()
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    # Called by the handover

    @property
    def alive(self) -> bool:
        """Whether a command can be sent."""
        return not self._ended and self.is_connected

    async def send(self, commands: Iterable[str], timeout: float) -> None:
        """Write commands, each of which has one reply."""
        lines = tuple(commands)
        if any(_CONTROL.search(line) for line in lines):
            raise NextHopError("a command with control characters")
        self._awaited += len(lines)
        await self._write("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape"), timeout)

    async def send_message(
        self, slices: Iterable[bytes | memoryview], answers: int, timeout: float, may_go: Callable[[], bool]
    ) -> bool:
        """Write a message that gets `answers` replies; False where a reply came before its end.

        Raises `TurnLost` where it may not go any more: the last slice, which ends the message, is not written then.
        """
        self._awaited += answers
        for at, piece in enumerate(slices):
            if at:  # a next hop that reads as fast as we write would block the event loop
                await give_way()
            if self._replies:
                return False
            if not may_go():
                raise TurnLost("another node may have the mail now")
            try:
                await self._write(piece, timeout)
            except Broken:
                if self._replies:
                    return False
                raise
        return True

    async def _write(self, data: bytes | memoryview, timeout: float) -> None:
        try:
            self.write(data)  # type: ignore[arg-type]  # it passes it to asyncio, which takes any buffer
            if self._ended:
                raise Broken("the connection ended before the command")
            if self._paused:
                async with asyncio.timeout(timeout):
                    await self._drain_helper()
        except TimeoutError:
            self.abandon()
            raise NextHopError("the next hop does not read") from None
        except (OSError, SMTPException):
            raise Broken("the connection broke while writing") from None

    async def reply(self, timeout: float) -> Said:
        """The next reply; 421 means that the next hop closes the connection, and raises `NextHopError`."""
        return (await self.replies(1, timeout))[0]

    async def replies(self, count: int, timeout: float, within: float = math.inf) -> list[Said]:
        """The next `count` replies: `timeout` seconds for each, `within` for all. A 421 raises as in `reply`."""
        if len(self._replies) < count:
            await self._answered(count, timeout, within)
        return [self._next() for _ in range(count)]

    def _next(self) -> Said:
        if not self._replies:
            raise Broken("the connection ended before the answer")
        self._awaited -= 1
        given = self._replies.popleft()
        if given.code == CLOSING:
            self.abandon()
            raise Broken("the next hop is closing")
        return given

    async def _answered(self, count: int, timeout: float, within: float) -> None:
        """Return when so many replies are there, or no more will come."""
        self._wanted, self._heard = count, self._loop.time()
        waiter = self._waiter = self._loop.create_future()
        ends = self._heard + within
        alarm = self._loop.call_at(self._heard + min(timeout, within), self._wake)
        try:
            while not self._ended:
                await waiter
                if len(self._replies) >= count or any(reply.code == CLOSING for reply in self._replies):
                    return
                now = self._loop.time()
                if now >= min(ends, self._heard + timeout) and not self._ended:
                    self.abandon()
                    raise NextHopError("the next hop is slow" if now >= ends else "no answer in time")
                waiter = self._waiter = self._loop.create_future()
                alarm = self._loop.call_at(min(ends, self._heard + timeout), self._wake)
        finally:
            self._waiter = None
            self._wanted = 1
            alarm.cancel()

    async def ask(self, command: str, timeout: float) -> Said:
        """One command, one reply."""
        await self.send((command,), timeout)
        return await self.reply(timeout)

    async def read_response(self, timeout: float | None = None) -> Said:
        """For aiosmtplib's `start_tls`, which wrote a command of its own."""
        self._awaited += 1
        return await self.reply(timeout or 0)

    async def quit(self) -> None:
        """Say QUIT without waiting long, and close."""
        with contextlib.suppress(NextHopError):
            if self.alive:
                await self.ask("QUIT", 1.0)
        self.abandon()
