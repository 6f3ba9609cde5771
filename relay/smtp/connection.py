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
import os
import re
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import IntEnum

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.esmtp import parse_esmtp_extensions
from aiosmtplib.protocol import MAX_RESPONSE_LENGTH, SMTPProtocol
from aiosmtplib.response import SMTPResponse

from relay.model.endpoint import Endpoint
from relay.model.errors import NextHopError, Unwilling
from relay.process.small_first import give_way

Said = SMTPResponse
"""A reply of the next hop: `code` and `message`, its lines joined by LF."""


class _X509(IntEnum):
    """OpenSSL's X509_V_ERR_…, which Python does not name."""

    CERT_HAS_EXPIRED = 10
    HOSTNAME_MISMATCH = 62
    IP_ADDRESS_MISMATCH = 64


CLOSING = 421
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds the next hop has: for a step, and for what follows the final dot."""

    step: float = 60.0
    final_dot: float = 600.0


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

    async def send_message(self, slices: Iterable[bytes | memoryview], answers: int, timeout: float) -> bool:
        """Write a message that gets `answers` replies; False where a reply came before its end."""
        self._awaited += answers
        for at, piece in enumerate(slices):
            if at:  # a next hop that reads as fast as we write would block the event loop
                await give_way()
            if self._replies:
                return False
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

    async def hello(self, verb: str, hostname: str, timeout: float) -> None:
        """EHLO or LHLO, and what it announces."""
        given = await self.ask(f"{verb} {hostname}", timeout)
        _demand(given, "the hello")
        self.extensions, _ = parse_esmtp_extensions(given.message)

    async def secure(self, context: ssl.SSLContext, name: str, timeout: float) -> None:
        """STARTTLS, with the certificate's name checked (RFC 3207, RFC 6125)."""
        if "starttls" not in self.extensions:
            raise Unwilling("it offers no STARTTLS: switch TLS on there")
        try:
            await self.start_tls(context, name, timeout)
        except SMTPResponseException as error:
            raise Unwilling(f"it answers STARTTLS with {error.code}: its own log says why") from None
        except ssl.SSLCertVerificationError as error:
            raise Unwilling(_untrusted(error)) from None
        except (OSError, SMTPException) as error:
            raise NextHopError(f"STARTTLS failed: {_why(error)}") from None

    async def quit(self) -> None:
        """Say QUIT without waiting long, and close."""
        with contextlib.suppress(NextHopError):
            if self.alive:
                await self.ask("QUIT", 1.0)
        self.abandon()


@contextlib.asynccontextmanager
async def connecting(place: Endpoint, timeout: float) -> AsyncIterator[Connection]:
    """A new connection; it is aborted where the block fails."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            if place.path:
                _, connection = await loop.create_unix_connection(lambda: Connection(loop), place.path)
            else:
                _, connection = await loop.create_connection(lambda: Connection(loop), place.host, place.port)
    except OSError as error:  # TimeoutError is one
        raise NextHopError(f"no connection: {_why(error)}") from None
    try:
        yield connection
    except BaseException:
        connection.abandon()
        raise


async def connect(
    place: Endpoint,
    *,
    hostname: str,
    timeouts: Timeouts,
    tls: ssl.SSLContext,
) -> Connection:
    """Connect to `place`: greeting, STARTTLS where the URL demands it, EHLO or LHLO."""
    verb = "LHLO" if place.lmtp else "EHLO"
    async with connecting(place, timeouts.step) as connection:
        _demand(await connection.reply(timeouts.step), "the connection")
        await connection.hello(verb, hostname, timeouts.step)
        if place.starttls:
            await connection.secure(tls, place.host, timeouts.step)
            await connection.hello(verb, hostname, timeouts.step)
    return connection


def _why(error: Exception) -> str:
    """In words that say nothing of what the other side wrote."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return "its name cannot be resolved"
        case ssl.SSLError():
            return f"TLS says {error.reason}" if error.reason else "TLS fails"
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return type(error).__name__


def _demand(given: Said, step: str) -> None:
    if not 200 <= given.code < 300:
        raise Unwilling(f"it refuses {step} ({given.code}): its own log says why")


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case _X509.HOSTNAME_MISMATCH | _X509.IP_ADDRESS_MISMATCH:
            return "its certificate is for another name: write its name in reinject"
        case _X509.CERT_HAS_EXPIRED:
            return "its certificate has expired: renew it there"
        case _:
            return "no authority trusted here vouches for its certificate: set reinject_ca_file"
