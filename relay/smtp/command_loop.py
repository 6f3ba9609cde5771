"""Reading the commands of a connection: as aiosmtpd does, less what it does for logs, PROXY, TLS and call limits.

A command ends with CRLF (RFC 5321 section 2.3.8). A line that is too long is read to its end and refused; the name of a
command is ASCII, and octets of an argument that are no UTF-8 become surrogates, which `smtp.esmtp` judges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiosmtpd.smtp import SMTP

from relay.model import replies

Command = Callable[[str | None], Awaitable[None]]

_END = b"\r\n"
_MOST_UNKNOWN = 5
"""Unknown commands in one connection; aiosmtpd's limit."""


class CommandLoop(SMTP):
    """Reads and runs the commands of one connection, one after the other."""

    _unknown = 0

    async def push(self, status: Any, *, can_wait: bool = False) -> None:  # noqa: ANN401  wider than aiosmtpd's
        """Write one reply to the client; one that `can_wait` may go out together with the next."""
        raise NotImplementedError

    async def _handle_client(self) -> None:
        await self.push(f"220 {self.hostname} {self.__ident__}")
        while self.transport is not None:
            try:
                await self._obey_next()
            except (asyncio.CancelledError, ConnectionResetError):
                self._writer.close()
                raise
            except Exception as error:  # noqa: BLE001  the edge: the client is told that it is temporary
                await self.push(await self.handle_exception(error))

    async def _obey_next(self) -> None:
        line = await self._next_line()
        name, _, argument = line.partition(b" ")
        if len(line) > self.command_size_limit:
            await self.push(replies.LINE_TOO_LONG)
        elif not line or not name.isascii():
            await self.push(replies.BAD_SYNTAX)
        elif method := self._method(name):
            self._reset_timeout()
            await method(argument.strip().decode("utf-8", "surrogateescape") or None)
        else:
            await self._refuse_unknown()

    async def _next_line(self) -> bytes:
        """The next line without its end. Of a line longer than the buffer, only the length is right."""
        try:
            line = await self._reader.readuntil(_END)
        except asyncio.LimitOverrunError as error:
            await self._skip_line(error.consumed)
            return b" " * (self.command_size_limit + 1)
        return line.rstrip(_END)

    async def _skip_line(self, octets: int) -> None:
        """Read the rest of a line that is longer than the buffer."""
        while True:
            await self._reader.read(octets)
            try:
                await self._reader.readuntil(_END)
            except asyncio.LimitOverrunError as error:
                octets = error.consumed
            else:
                return

    def _method(self, name: bytes) -> Command | None:
        found: Command | None = self._smtp_methods.get(name.upper().decode("ascii"))
        return found

    async def _refuse_unknown(self) -> None:
        self._unknown += 1
        if self._unknown < _MOST_UNKNOWN:
            await self.push(replies.UNKNOWN_COMMAND)
            return
        await self.push(replies.TOO_MANY_UNKNOWN)
        if self.transport is not None:
            self.transport.close()
