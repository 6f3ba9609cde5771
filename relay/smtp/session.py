"""The commands of one connection: each that could lose or change a mail in aiosmtpd is overridden.

RFC 5321 and RFC 2033 (LMTP: one reply a recipient after the final dot), RFC 1870, RFC 6152, RFC 6531,
RFC 3461 (DSN), RFC 2920, RFC 3207, and Postfix's XFORWARD. The connection itself is in `smtp.server_protocol`.

aiosmtpd cancels a connection's coroutine when the client disconnects or the timer expires. A message is therefore
handled in a task of the server (`Host`), which is not cancelled here; the timer is stopped meanwhile.
"""

# ruff: noqa: N802  aiosmtpd finds commands by the names of their methods

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

from aiosmtpd.smtp import syntax

from relay.model import Envelope, Inbound, Reply, replies
from relay.process.small_first import MailInHand
from relay.smtp.acknowledged import is_acknowledged
from relay.smtp.esmtp import XFORWARD_NAMES, Refusal
from relay.smtp.memory_share import MemoryShare
from relay.smtp.message_ids import new_id
from relay.smtp.receive import receive
from relay.smtp.server_context import Host
from relay.smtp.server_protocol import ServerProtocol
from relay.smtp.transaction import Transaction
from relay.telemetry import events

_COMMANDS = ("MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "QUIT", "STARTTLS", "XFORWARD")
_HELLOS = {True: ("LHLO",), False: ("HELO", "EHLO")}
_HELLO_NAME = re.compile(r"[!-~]{1,255}")


class Session(ServerProtocol):
    """A client's commands and messages."""

    def __init__(self, host: Host, *, lmtp: bool) -> None:
        self._lmtp = lmtp
        self._helo = ""
        self._extended = False
        self._transaction = Transaction(host.bounds, extended=False)
        super().__init__(host, name="LMTP" if lmtp else "ESMTP")
        self._smtp_methods = {name: getattr(self, f"smtp_{name}") for name in (*_COMMANDS, *_HELLOS[lmtp])}

    @property
    def idle(self) -> bool:
        """No transaction is open: commands that come now have to do with no message."""
        return not self._transaction.open

    def _set_post_data_state(self) -> None:
        self._transaction = Transaction(self._host.bounds, extended=self._extended)

    def _set_rset_state(self) -> None:
        self._set_post_data_state()

    # EHLO and STARTTLS

    @syntax("HELO hostname")
    async def smtp_HELO(self, arg: str | None) -> None:
        """HELO (RFC 5321 section 4.1.1.1)."""
        if self._hello(arg, extended=False):
            await self.push(f"250 {self.hostname}")
        else:
            await self.push(replies.BAD_ARGUMENT)

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, arg: str | None) -> None:
        """EHLO, with the extensions that are implemented here."""
        if not self._hello(arg, extended=True):
            await self.push(replies.BAD_ARGUMENT)
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
        """STARTTLS; everything before it is forgotten (RFC 3207 section 4.2)."""
        if self._secure or arg:
            await self.push(replies.TLS_ALREADY if self._secure else replies.BAD_ARGUMENT)
        elif self._host.tls is None:
            await self.push(replies.NOT_HERE)
        else:
            await self.push(replies.GO_TLS)
            await self.secure(self._host.tls)
            self._helo, self._extended = "", False
            self._set_rset_state()

    # The transaction

    @syntax("XFORWARD attribute=value")
    async def smtp_XFORWARD(self, arg: str | None) -> None:
        """XFORWARD: attributes of the next transaction."""
        await self._obey(lambda: self._transaction.xforward(arg or ""))

    @syntax("MAIL FROM:<address>")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """MAIL FROM: the sender and its parameters."""
        await self._obey(lambda: self._transaction.mail(arg or ""))

    @syntax("RCPT TO:<address>")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """RCPT TO: one recipient and its parameters."""
        await self._obey(lambda: self._transaction.recipient(arg or ""))

    async def _obey(self, command: Callable[[], Reply]) -> None:
        try:
            self._ready()
            reply = command()
        except Refusal as refusal:
            reply = refusal.reply
        await self.push(reply, can_wait=True)

    def _ready(self) -> None:
        if self._host.tls is not None and not self._secure:
            raise Refusal(replies.TLS_FIRST)
        if not self._helo:
            raise Refusal(replies.HELLO_FIRST)

    @syntax("VRFY address")
    async def smtp_VRFY(self, arg: str | None) -> None:
        """VRFY: whether an address exists is not known here."""
        await self.push(replies.CANNOT_VERIFY if arg else replies.BAD_ARGUMENT)

    # The message

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """DATA: receive the message, have it handled, answer."""
        host = self._host
        share = MemoryShare(host.budget, host.room, host.bounds, self._transaction.size, self._tell_wait)
        try:
            envelope = self._welcome(arg, share)
        except Refusal as refusal:
            await self.push(refusal.reply)
            return
        self.busy = True
        try:
            await self._transact(envelope, share)
        finally:
            self.busy = False
            self.spoke = time.monotonic()
            self._idle_commands = 0
        if self._host.stopping:
            self.dismiss(replies.CLOSING)

    def _welcome(self, arg: str | None, share: MemoryShare) -> Envelope:
        self._ready()
        envelope = self._transaction.envelope()
        if arg:
            raise Refusal(replies.BAD_ARGUMENT)
        if not share.could_begin():
            raise Refusal(replies.NO_ROOM)
        return envelope

    async def _transact(self, envelope: Envelope, share: MemoryShare) -> None:
        with MailInHand() as mail:
            mail.is_of(self._transaction.size)
            await self._take(envelope, share, mail)

    async def _take(self, envelope: Envelope, share: MemoryShare, mail: MailInHand) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(share.release)
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            received = await receive(self._reader, share, self._host.bounds, self._reset_timeout, mail)
            if isinstance(received, bytes):
                stack.pop_all()  # the server gives it back
        if isinstance(received, Reply):
            self._set_post_data_state()
            await self._answer((received,) * len(envelope.recipients), new_id())
            return
        inbound = self._inbound(envelope, received)
        del received
        self._set_post_data_state()
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()  # neither the timer nor a disconnect ends the handling
        delivery = self._host.deliver(inbound, lambda given: self._tell(given, inbound.id), self._is_there, share)
        await asyncio.shield(delivery)

    def _tell_wait(self, octets: int) -> None:
        """Log that this client has to wait, and for how many octets of memory."""
        queue_id = self._transaction.envelope().queue_id
        events.log().info(events.Event.MEMORY_AWAITED, queue_id=queue_id, size=octets)

    def _is_there(self) -> bool:
        """Whether the client still reads: if it has closed its side, no reply reaches it."""
        return not (self.transport is None or self._writer.transport.is_closing() or self._reader.at_eof())

    async def _tell(self, given: tuple[Reply, ...], id_: str) -> bool:
        """Whether the replies have reached the client's system; if not, the ledger has to keep who was served."""
        return await self._answer(given, id_) and await is_acknowledged(self._writer.transport, self.heard)

    async def _answer(self, given: tuple[Reply, ...], id_: str) -> bool:
        """Write one reply a recipient (LMTP) or one for all; False where the client has disconnected."""
        if self.transport is None or self._writer.transport.is_closing():
            return False
        self._reset_timeout()  # a client that does not read is disconnected
        lines = given if self._lmtp else (replies.combined(given, id_),)
        try:
            await self.say("\r\n".join(map(str, lines)))
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
