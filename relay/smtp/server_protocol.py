"""A client on the line: aiosmtpd's connection, with what could hang, leak or let too much in overridden.

Who is not allowed, or one too many, is turned away with one reply. Every reply has an enhanced code; a client that
makes too many errors, says too much without a message, is silent or does not read is cut off. What is said on the line
is `smtp.session`'s. RFC 5321 section 4.5.3.2 (timeouts), RFC 2034, RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from collections import defaultdict
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP

from relay.model import Reply, replies
from relay.smtp.bounds import UNIX
from relay.smtp.message_ids import new_id
from relay.smtp.server_context import Host
from relay.telemetry import events

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd writes addresses and message text there

_STATUS = {"221": "2.0.0", "250": "2.0.0", "500": "5.5.2", "501": "5.5.4", "502": "5.5.1", "503": "5.5.1"}
_PLAIN = re.compile(r"(?P<code>\d{3}) (?![245]\.\d{1,3}\.\d{1,3} )(?P<text>.*)", re.DOTALL)
_MOST_HELD = 50
"""Replies that are held back for the next one; then they go out, and other connections have their turn."""
_PROTOCOL_ERRORS = frozenset({"500", "502", "503", "530", "555"})


class Line(SMTP):
    """Until either side hangs up."""

    line_length_limit = 64 * 1024  # the reader's buffer; lines of a message have no limit of their own
    command_size_limit = 4096  # addresses of 320 octets, ORCPT of 500 and XFORWARD have room

    def __init__(self, host: Host, *, name: str) -> None:
        self._host = host
        self._peer = UNIX
        self._admitted = False
        self._secure = False
        self._handshake = False
        """TLS was promised, and is not there: nothing can be said."""
        self._errors = 0
        self._idle_commands = 0
        self.busy = False
        """A message is being received or handled."""
        self.spoke = time.monotonic()
        """When the client last got a reply."""
        self._held: list[str] = []
        self.command_size_limits = defaultdict(lambda: self.command_size_limit)  # aiosmtpd shares one dict
        super().__init__(
            _NoHooks(),
            data_size_limit=host.bounds.max_message_size,
            enable_SMTPUTF8=True,
            hostname=host.hostname,
            ident=name,
            tls_context=host.tls,
            timeout=host.bounds.idle,
            loop=asyncio.get_running_loop(),
        )

    def __dir__(self) -> tuple[str, ...]:
        """Nothing: aiosmtpd looks through it three times for its own commands, half a millisecond a connection."""
        return ()

    @property
    def idle(self) -> bool:
        """What is said has to do with no message."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or turn it away with one reply."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101  for the type checker
        self._peer = _peer(transport)
        refusal = self._host.arrive(self, self._peer)
        if refusal is not None:
            transport.write(f"{refusal}\r\n".encode())
            transport.close()
            return
        self._admitted = True
        self._wire = transport  # beneath TLS, whose own transport cannot be aborted once closed
        transport.set_write_buffer_limits(high=0)  # drained means handed to the kernel
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client; a message in hand is finished by the host."""
        if self._admitted:
            self._admitted = False
            self._host.leave(self)
            super().connection_lost(error)

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A bare LF ends no command (RFC 5321 section 2.3.8): what stands behind it would be one more."""
        reader.readuntil = partial(reader.readuntil, b"\r\n")  # type: ignore[method-assign]  # its default only
        super()._cb_client_connected(reader, writer)

    def eof_received(self) -> bool | None:
        """The client has finished; nobody waits for a reply any more."""
        return super().eof_received() if self._admitted else None

    async def handle_exception(self, error: Exception) -> str:
        """Anything unforeseen: temporary, and the id under which the log tells the place."""
        id_ = new_id()
        events.log().error(events.Event.FAILED, id=id_, **events.unforeseen(error))
        return str(replies.failed(id_))

    def _timeout_cb(self) -> None:
        self.dismiss(replies.TIMEOUT)

    def dismiss(self, reply: Reply, *, at_once: bool = False) -> None:
        """Say this and close; a client that does not read, or is closing already, is cut off."""
        transport = self._writer.transport
        if self._handshake or transport.is_closing() or transport.get_write_buffer_size():
            self._wire.abort()
            return
        transport.write(f"{reply}\r\n".encode())
        if at_once or transport.get_write_buffer_size():
            self._wire.abort()
        else:
            transport.close()
            self._wire.close()  # TLS would wait for the client's farewell

    async def push(self, status: Any, *, can_wait: bool = False) -> None:  # noqa: ANN401  wider than aiosmtpd's
        """Write one reply, aiosmtpd's with an enhanced code; too many errors end the connection.

        One that `can_wait` goes out together with that to the next command, where that has come already
        (RFC 2920 section 3.2): one packet, and one waking of the client, for all the recipients it named at once.
        """
        self.spoke = time.monotonic()
        text = enhanced(str(status))
        last = self._worn_out(text)
        goes_on = last is None and can_wait and b"\r\n" in self._reader._buffer  # type: ignore[attr-defined]  # noqa: SLF001  no public way to look
        if goes_on and len(self._held) < _MOST_HELD:
            self._held.append(text)
            return
        await self.say(str(last or text))
        if goes_on:
            await asyncio.sleep(0)
        if last is not None:
            self._writer.close()

    async def say(self, text: str) -> None:
        """Write this as it is, behind what was held back."""
        held, self._held = self._held, []
        await super().push("\r\n".join([*held, text]))

    def _worn_out(self, text: str) -> Reply | None:
        self._errors += text[:3] in _PROTOCOL_ERRORS
        self._idle_commands += self.idle
        if self._errors > self._host.bounds.errors:
            return replies.TOO_MANY_ERRORS
        if self._idle_commands > self._host.bounds.idle_commands:
            return replies.TOO_MANY_COMMANDS
        return None

    async def secure(self, context: ssl.SSLContext) -> None:
        """Go on over TLS; aiosmtpd's own way leans on parts of asyncio that have changed."""
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001  what came in clear does not count
        self._handshake = True
        try:
            await self._writer.start_tls(context)
        except (OSError, AttributeError) as error:  # asyncio has no transport where the client left in the middle
            self._wire.abort()
            self._writer._transport = self._wire  # type: ignore[attr-defined]  # noqa: SLF001  asyncio has no setter
            asyncio.get_running_loop().call_soon(self.connection_lost, None)  # … and does not tell
            raise ConnectionResetError("no TLS") from error
        self._handshake = False
        self.transport = self._writer.transport
        if self.session is not None:
            self.session.ssl = {}  # aiosmtpd asks whether it is None
        self._secure = True


class _NoHooks:
    """aiosmtpd wants a handler with hooks; every command it would ask is the session's."""

    def __dir__(self) -> tuple[str, ...]:
        return ()


def _peer(transport: asyncio.BaseTransport) -> str:
    name: Any = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else UNIX


def enhanced(reply: str) -> str:
    """A reply of aiosmtpd's with an enhanced code, and nothing unprintable that the client sent."""
    match = _PLAIN.fullmatch(reply)
    if match is None or match["code"] not in _STATUS:
        return reply
    text = "".join(c if " " <= c <= "~" else "?" for c in match["text"])
    return f"{match['code']} {_STATUS[match['code']]} {text}"
