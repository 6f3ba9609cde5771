"""One message on one connection: the envelope, DATA, the content, and the next hop's reply for each recipient.

A refusal of RCPT concerns that recipient; one of MAIL, DATA or the message concerns all. DATA is not sent where no
recipient was accepted, and therefore not pipelined with RCPT (RFC 2920 section 3.1 would allow it).
Whether the message may still go is asked again before each part of the content, so just before the final dot: whatever
this process waited for until then, the next hop takes nothing that another node may have taken over meanwhile.
Of the next hop's replies the code and the enhanced status are kept, never the text (`replies.from_next_hop`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from relay.model import Envelope, Reply, replies
from relay.model.errors import NextHopError
from relay.smtp import commands
from relay.smtp.connecting import Timeouts
from relay.smtp.connection import Broken, Connection, Said
from relay.smtp.data import stuffed

_GO_ON = 354
_STEPS_BEFORE_DATA = 4  # all recipients together get the time of so many steps


class Stale(NextHopError):
    """The connection ended before any content was sent: the message can be sent on a new one."""


class Handover:
    """One transaction (RFC 5321 section 3.3)."""

    def __init__(self, connection: Connection, envelope: Envelope, *, lmtp: bool, timeouts: Timeouts) -> None:
        self._connection = connection
        self._envelope = envelope
        self._lmtp = lmtp
        self._timeouts = timeouts

    async def run(self, content: bytes, may_go: Callable[[], bool]) -> tuple[Reply, ...]:
        """One reply a recipient. Raises `NextHopError`, of which `Stale` left the message untouched, and `TurnLost`."""
        if commands.needs_smtputf8(self._envelope) and "smtputf8" not in self._connection.extensions:
            return (replies.NO_SMTPUTF8,) * len(self._envelope.recipients)
        given = await self._introduced(len(content))
        accepted = [at for at, reply in enumerate(given) if reply.accepted]
        if accepted:
            for at, reply in zip(accepted, await self._sent(content, len(accepted), may_go), strict=True):
                given[at] = reply
            if not any(reply.accepted for reply in given):
                await self._reset()  # Postfix's end-of-data restrictions leave the transaction open (RFC 5321 4.1.1.4)
        return tuple(given)

    async def _introduced(self, size: int) -> list[Reply]:
        """The replies to each recipient; those accepted wait for the content now."""
        ends = asyncio.get_running_loop().time() + _STEPS_BEFORE_DATA * self._timeouts.step
        try:
            given = await self._recipients(size)
            if any(reply.accepted for reply in given):
                given = _begun(given, await self._connection.ask("DATA", _left(ends, self._timeouts.step)))
            if not any(reply.accepted for reply in given):
                await self._reset()
        except Broken as error:
            raise Stale(str(error)) from None
        return given

    async def _recipients(self, size: int) -> list[Reply]:
        extensions = self._connection.extensions
        attributes = tuple(commands.xforward(self._envelope, extensions))
        lines = [*attributes, commands.mail(self._envelope, size, extensions)]
        lines += [commands.rcpt(recipient, extensions) for recipient in self._envelope.recipients]
        given = await self._said(lines)
        mail, *rcpts = given[len(attributes) :]  # XFORWARD is for logs: its reply is ignored
        sender = _reply(mail, "sender")
        return [_reply(rcpt, "recipient") if sender.accepted else sender for rcpt in rcpts]

    async def _said(self, lines: Sequence[str]) -> list[Said]:
        step = self._timeouts.step
        within = _STEPS_BEFORE_DATA * step
        if "pipelining" not in self._connection.extensions:
            ends = asyncio.get_running_loop().time() + within
            return [await self._connection.ask(line, _left(ends, step)) for line in lines]
        await self._connection.send(lines, step)
        return await self._connection.replies(len(lines), step, within)

    async def _reset(self) -> None:
        """No recipient was accepted: reset the connection, or close it."""
        with contextlib.suppress(NextHopError):
            if (await self._connection.ask("RSET", self._timeouts.step)).code != 250:
                self._connection.abandon()

    async def _sent(self, content: bytes, recipients: int, may_go: Callable[[], bool]) -> list[Reply]:
        answers = recipients if self._lmtp else 1
        whole = await self._connection.send_message(stuffed(content), answers, self._timeouts.step, may_go)
        if not whole:
            return await self._refused_early(recipients)
        ends = asyncio.get_running_loop().time() + self._timeouts.final_dot
        given = [_reply(await self._connection.reply(self._timeouts.final_dot), "message")]
        while len(given) < answers:
            given.append(await self._further(ends - asyncio.get_running_loop().time()))
        return given if self._lmtp else given * recipients

    async def _refused_early(self, recipients: int) -> list[Reply]:
        refusal = _reply(await self._connection.reply(self._timeouts.step), "message")
        self._connection.abandon()  # the rest of the content would be taken for commands
        if refusal.accepted:
            raise NextHopError("the next hop takes a message before its end")
        return [refusal] * recipients

    async def _further(self, left: float) -> Reply:
        """LMTP: replies that came count, whatever happens to the others."""
        try:
            return _reply(await self._connection.reply(max(0.001, left)), "message")
        except NextHopError:
            return replies.BROKE_OFF


def _begun(given: list[Reply], data: Said) -> list[Reply]:
    """The replies to each recipient, after the one to DATA."""
    if data.code == _GO_ON:
        return given
    refusal = _reply(data, "message")
    if refusal.accepted:
        raise NextHopError("the next hop answers DATA with 2xx")
    return [refusal if reply.accepted else reply for reply in given]


def _left(ends: float, step: float) -> float:
    """Seconds for the next step. Raises `NextHopError` where the time for all of them is over."""
    left = ends - asyncio.get_running_loop().time()
    if left <= 0:
        raise NextHopError("the next hop is slow")
    return min(left, step)


def _reply(given: Said, about: replies.About) -> Reply:
    if not (given.code < 300 or given.code >= 400):
        raise NextHopError("the next hop answers 3xx out of place")
    return replies.from_next_hop(given.code, given.message, about)
