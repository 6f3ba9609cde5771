"""One connection of the inlet: aiosmtpd's server, with everything that could lose or change a mail overridden.

RFC 5321 and RFC 2033 (LMTP: one reply a recipient after the final dot), RFC 1870, RFC 6152, RFC 6531,
RFC 3461 (DSN), RFC 2034, RFC 2920, RFC 3207, and Postfix's XFORWARD.

aiosmtpd cancels a connection's coroutine when the client leaves or the timer runs out. What handles a
message therefore runs in a task of the `Host`, which nobody here cancels; the timer stands still meanwhile.
"""

# ruff: noqa: N802  aiosmtpd finds commands by the names of their methods

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import ssl
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiosmtpd.smtp import SMTP, syntax

from relay import events, replies
from relay.model import Envelope, Inbound, Reply
from relay.smtp import dialogue
from relay.smtp.bounds import UNIX, Lease
from relay.smtp.esmtp import XFORWARD_NAMES, Refusal
from relay.smtp.host import Host
from relay.smtp.ids import new_id
from relay.smtp.receive import receive
from relay.smtp.transaction import Transaction

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd writes addresses and message text there

_COMMANDS = ("MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "QUIT", "STARTTLS", "XFORWARD")
_HELLOS = {True: ("LHLO",), False: ("HELO", "EHLO")}
_HELLO_NAME = re.compile(r"[!-~]{1,255}")
_PROTOCOL_ERRORS = frozenset({"500", "502", "503", "530", "555"})


class Session(SMTP):
    """A client's connection."""

    line_length_limit = 64 * 1024  # the reader's buffer; lines of a message have no limit of their own
    command_size_limit = 4096  # addresses of 320 octets, ORCPT of 500 and XFORWARD have room

    def __init__(self, host: Host, *, lmtp: bool) -> None:
        self._host = host
        self._lmtp = lmtp
        self._peer = UNIX
        self._admitted = False
        self._helo = ""
        self._extended = False
        self._secure = False
        self._errors = 0
        self._idle_commands = 0
        self._transaction = Transaction(host.bounds, extended=False)
        self.busy = False
        """A message is being received or handled."""
        self.spoke = time.monotonic()
        """When the client last got a reply."""
        self.command_size_limits = defaultdict(lambda: self.command_size_limit)  # aiosmtpd shares one dict
        super().__init__(
            _NoHooks(),
            data_size_limit=host.bounds.max_message_size,
            enable_SMTPUTF8=True,
            hostname=host.hostname,
            ident="LMTP" if lmtp else "ESMTP",
            tls_context=host.tls,
            timeout=host.bounds.idle,
            loop=asyncio.get_running_loop(),
        )
        self._smtp_methods = {name: getattr(self, f"smtp_{name}") for name in (*_COMMANDS, *_HELLOS[lmtp])}

    # The connection

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
        reader.readuntil = partial(reader.readuntil, b"\r\n")  # type: ignore[method-assign]
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
        self.dismiss(dialogue.TIMEOUT)

    def dismiss(self, reply: Reply, *, at_once: bool = False) -> None:
        """Say this and close; a client that does not read, or is closing already, is cut off."""
        transport = self._writer.transport
        if transport.is_closing() or transport.get_write_buffer_size():
            self._wire.abort()
            return
        transport.write(f"{reply}\r\n".encode())
        if at_once or transport.get_write_buffer_size():
            self._wire.abort()
        else:
            transport.close()

    async def push(self, status: Any) -> None:  # noqa: ANN401  wider than aiosmtpd's, which has no Reply
        """Write one reply, aiosmtpd's with an enhanced code; too many errors end the connection."""
        self.spoke = time.monotonic()
        text = dialogue.enhanced(str(status))
        last = self._worn_out(text)
        await super().push(str(last or text))
        if last is not None:
            self._writer.close()

    def _worn_out(self, text: str) -> Reply | None:
        self._errors += text[:3] in _PROTOCOL_ERRORS
        self._idle_commands += not self._transaction.open
        if self._errors > self._host.bounds.errors:
            return dialogue.TOO_MANY_ERRORS
        if self._idle_commands > self._host.bounds.idle_commands:
            return dialogue.TOO_MANY_COMMANDS
        return None

    def _set_post_data_state(self) -> None:
        self._transaction = Transaction(self._host.bounds, extended=self._extended)

    def _set_rset_state(self) -> None:
        self._set_post_data_state()

    # Hello and TLS

    @syntax("HELO hostname")
    async def smtp_HELO(self, arg: str | None) -> None:
        """RFC 5321 section 4.1.1.1."""
        if self._hello(arg, extended=False):
            await self.push(f"250 {self.hostname}")
        else:
            await self.push(dialogue.BAD_ARGUMENT)

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, arg: str | None) -> None:
        """What we announce we honour."""
        if not self._hello(arg, extended=True):
            await self.push(dialogue.BAD_ARGUMENT)
            return
        *lines, last = self.hostname, *self._extensions()
        await self.push("".join(f"250-{line}\r\n" for line in lines) + f"250 {last}")

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, arg: str | None) -> None:
        """LMTP's hello (RFC 2033 section 4.1)."""
        await self.smtp_EHLO(arg)

    def _hello(self, name: str | None, *, extended: bool) -> bool:
        if name is None or not _HELLO_NAME.fullmatch(name):
            return False
        self._helo, self._extended = name, extended
        if self.session is not None:
            self.session.extended_smtp = extended  # aiosmtpd's length limits ask for it
        self._set_rset_state()
        return True

    def _extensions(self) -> list[str]:
        size = self._host.bounds.max_message_size
        words = ["PIPELINING", f"SIZE {size}", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8"]
        words.append(f"XFORWARD {' '.join(XFORWARD_NAMES)}")
        return [*words, "STARTTLS"] if self._host.tls is not None and not self._secure else words

    @syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """RFC 3207; aiosmtpd's own leans on parts of asyncio that have changed."""
        if self._secure or arg:
            await self.push(dialogue.TLS_ALREADY if self._secure else dialogue.BAD_ARGUMENT)
        elif self._host.tls is None:
            await self.push(dialogue.NOT_HERE)
        else:
            await self.push(dialogue.GO_TLS)
            await self._start_tls(self._host.tls)

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # noqa: SLF001  what came in clear does not count
        try:
            await self._writer.start_tls(context)
        except OSError as error:
            self._wire.abort()
            raise ConnectionResetError("no TLS") from error
        self.transport = self._writer.transport
        if self.session is not None:
            self.session.ssl = {}  # aiosmtpd asks whether it is None
        self._secure, self._helo, self._extended = True, "", False
        self._set_rset_state()

    # The transaction

    @syntax("XFORWARD attribute=value")
    async def smtp_XFORWARD(self, arg: str | None) -> None:
        """Attributes of the next transaction."""
        await self._obey(lambda: self._transaction.xforward(arg or ""))

    @syntax("MAIL FROM:<address>")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """The sender and its parameters."""
        await self._obey(lambda: self._transaction.mail(arg or ""))

    @syntax("RCPT TO:<address>")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """One recipient and its parameters."""
        await self._obey(lambda: self._transaction.recipient(arg or ""))

    async def _obey(self, command: Callable[[], Reply]) -> None:
        try:
            self._ready()
            reply = command()
        except Refusal as refusal:
            reply = refusal.reply
        await self.push(reply)

    def _ready(self) -> None:
        if self._host.tls is not None and not self._secure:
            raise Refusal(dialogue.TLS_FIRST)
        if not self._helo:
            raise Refusal(dialogue.HELLO_FIRST)

    @syntax("VRFY address")
    async def smtp_VRFY(self, arg: str | None) -> None:
        """We know nobody."""
        await self.push(dialogue.CANNOT_VERIFY if arg else dialogue.BAD_ARGUMENT)

    # The message

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """Receive the message, have it handled, answer."""
        lease = self._host.budget.lease()
        try:
            envelope = self._welcome(arg, lease)
        except Refusal as refusal:
            await self.push(refusal.reply)
            return
        self.busy = True
        try:
            await self._transact(envelope, lease)
        finally:
            self.busy = False
            self.spoke = time.monotonic()
            self._idle_commands = 0
        if self._host.stopping:
            self.dismiss(dialogue.CLOSING)

    def _welcome(self, arg: str | None, lease: Lease) -> Envelope:
        self._ready()
        envelope = self._transaction.envelope()
        if arg:
            raise Refusal(dialogue.BAD_ARGUMENT)
        if not lease.has_room(self._transaction.size):
            raise Refusal(dialogue.NO_ROOM)
        return envelope

    async def _transact(self, envelope: Envelope, lease: Lease) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(lease.release)
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            received = await receive(self._reader, lease, self._host.bounds, self._reset_timeout)
            if isinstance(received, bytes):
                stack.pop_all()  # the host gives it back
        if isinstance(received, Reply):
            self._set_post_data_state()
            await self._answer((received,) * len(envelope.recipients), new_id())
            return
        inbound = self._inbound(envelope, received)
        del received
        self._set_post_data_state()
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()  # no timer and no leaving client ends what is under way
        await asyncio.shield(self._host.deliver(inbound, lambda given: self._answer(given, inbound.id), lease))

    async def _answer(self, given: tuple[Reply, ...], id_: str) -> bool:
        """Write one reply a recipient (LMTP) or one for all; False where the client is not there to get it."""
        if self.transport is None or self._writer.transport.is_closing():
            return False
        self._reset_timeout()  # a client that does not read is cut off
        lines = given if self._lmtp else (replies.combined(given, id_),)
        try:
            await super().push("\r\n".join(map(str, lines)))
        except ConnectionError:
            return False
        return not self._writer.transport.is_closing()

    def _inbound(self, envelope: Envelope, content: bytes) -> Inbound:
        return Inbound(
            id=new_id(),
            envelope=envelope,
            content=content,
            received=datetime.now(UTC).astimezone(),
            peer=self._peer,
            helo=self._helo,
            protocol=self._protocol(),
            single_answer=not self._lmtp,
        )

    def _protocol(self) -> str:
        """The word for `with` in Received (RFC 3848, RFC 6531 section 4.3)."""
        secure = "S" if self._secure else ""
        if self._transaction.smtputf8:
            return f"UTF8{'LMTP' if self._lmtp else 'SMTP'}{secure}"
        if self._lmtp:
            return f"LMTP{secure}"
        return f"ESMTP{secure}" if self._extended else "SMTP"


class _NoHooks:
    """aiosmtpd wants a handler with hooks; every command it would ask is overridden above."""


def _peer(transport: asyncio.BaseTransport) -> str:
    name: Any = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else UNIX
