"""A client's connection: aiosmtpd's protocol, without what could hang, disclose text or admit too much.

A client that is not allowed, or beyond the number of connections, gets one reply and is disconnected. Every reply has
an enhanced status code. A client that makes too many errors, sends too many commands without a message, is silent or
does not read is disconnected. The commands are in `smtp.session`. RFC 5321 section 4.5.3.2 (timeouts), RFC 2034, RFC
3207 (STARTTLS).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import defaultdict
from typing import Any

from relay.model import Reply, replies
from relay.model.envelope import UNIX
from relay.smtp.command_loop import CommandLoop
from relay.smtp.enhanced_status import enhanced
from relay.smtp.message_ids import new_id
from relay.smtp.server_context import Host
from relay.telemetry import events

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd writes addresses and message text there

_MOST_HELD = 50
"""Replies that may wait for the next one; then they are written, and other connections get a turn."""
_PROTOCOL_ERRORS = frozenset({"500", "502", "503", "530", "555"})


class ServerProtocol(CommandLoop):
    """One connection, until either side closes it."""

    line_length_limit = 64 * 1024  # the reader's buffer; lines of a message have no limit of their own
    command_size_limit = 4096  # addresses of 320 octets, ORCPT of 500 and XFORWARD have room

    def __init__(self, host: Host, *, name: str) -> None:
        self._host = host
        self._peer = UNIX
        self.heard = asyncio.Event()
        """Set whenever something comes from the client."""
        self._admitted = False
        self._secure = False
        self._handshaking = False
        """A TLS handshake is under way, or has failed: nothing can be sent."""
        self._errors = 0
        self._idle_commands = 0
        self.busy = False
        """A message is being received or handled."""
        self.spoke = time.monotonic()
        """When the client last got a reply."""
        self._held: list[str] = []
        self._silent_until = 0.0
        """When the timer ends (the loop's time)."""
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
        """Nothing; aiosmtpd would search the class three times for its commands, half a millisecond a connection."""
        return ()

    @property
    def idle(self) -> bool:
        """No transaction is open: commands that come now have to do with no message."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the client, or disconnect it with one reply."""
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

    def data_received(self, data: bytes) -> None:
        """Hand it to the reader."""
        self.heard.set()
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the client; a message that is being handled is finished by the server.

        asyncio retrieves the error when the protocol is finalised. The garbage collector may finalise the future that
        holds it first, and asyncio reports it then.
        """
        self.heard.set()
        if self._admitted:
            self._admitted = False
            self._host.leave(self)
            super().connection_lost(error)
            self._get_close_waiter(self._writer).exception()  # type: ignore[attr-defined]  # in the stubs

    def eof_received(self) -> bool | None:
        """The client has closed its side; no reply is written any more."""
        return super().eof_received() if self._admitted else None

    async def handle_exception(self, error: Exception) -> str:
        """The reply to an unforeseen exception: temporary, with the id that the log names too."""
        id_ = new_id()
        events.log().error(events.Event.FAILED, id=id_, **events.unforeseen(error))
        return str(replies.failed(id_))

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Start the timer anew. One that would end sooner stays, and looks at the new time when it ends."""
        self._silent_until = self.loop.time() + (duration or self._timeout_duration)
        running = self._timeout_handle
        if running is None or running.cancelled() or running.when() > self._silent_until:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        self._timeout_handle = self.loop.call_at(self._silent_until, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.loop.time() < self._silent_until:
            self._set_timer()
        else:
            self.dismiss(replies.TIMEOUT)

    def dismiss(self, reply: Reply, *, at_once: bool = False) -> None:
        """Send this reply and close; a client that does not read, or is closing already, is disconnected."""
        transport = self._writer.transport
        if self._handshaking or transport.is_closing() or transport.get_write_buffer_size():
            self._wire.abort()
            return
        transport.write(f"{reply}\r\n".encode())
        if at_once or transport.get_write_buffer_size():
            self._wire.abort()
        else:
            transport.close()
            self._wire.close()  # TLS would wait for the client's close_notify

    async def push(self, status: Any, *, can_wait: bool = False) -> None:  # noqa: ANN401  wider than aiosmtpd's
        """Write one reply, aiosmtpd's with an enhanced code; too many errors end the connection.

        One that `can_wait` is written together with the reply to the next command, where that command has arrived
        already (RFC 2920 section 3.2): one packet for all the recipients that a client names at once.
        """
        self.spoke = time.monotonic()
        text = str(status) if isinstance(status, Reply) else enhanced(str(status))
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
        """Write this text unchanged, after the replies that waited."""
        held, self._held = self._held, []
        self._writer.write("\r\n".join([*held, text, ""]).encode())
        await self._writer.drain()

    def _worn_out(self, text: str) -> Reply | None:
        self._errors += text[:3] in _PROTOCOL_ERRORS
        self._idle_commands += self.idle
        if self._errors > self._host.bounds.errors:
            return replies.TOO_MANY_ERRORS
        if self._idle_commands > self._host.bounds.idle_commands:
            return replies.TOO_MANY_COMMANDS
        return None

    async def secure(self, context: ssl.SSLContext) -> None:
        """Continue over TLS; aiosmtpd's own method uses parts of asyncio that have changed."""
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001  what came in clear does not count
        self._handshaking = True
        try:
            await self._writer.start_tls(context)
        except (OSError, AttributeError) as error:  # asyncio has no transport where the client disconnected meanwhile
            self._wire.abort()
            self._writer._transport = self._wire  # type: ignore[attr-defined]  # noqa: SLF001  asyncio has no setter
            asyncio.get_running_loop().call_soon(self.connection_lost, None)  # and does not call it itself
            raise ConnectionResetError("no TLS") from error
        self._handshaking = False
        self.transport = self._writer.transport
        if self.session is not None:
            self.session.ssl = {}  # aiosmtpd asks whether it is None
        self._secure = True


class _NoHooks:
    """aiosmtpd demands a handler; the session overrides every command that would call it."""

    def __dir__(self) -> tuple[str, ...]:
        return ()


def _peer(transport: asyncio.BaseTransport) -> str:
    name: Any = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else UNIX
