"""Opened mail leaves with a return path of ours, and a bounce of it becomes a notice to its true sender.

A bounce carries the header of the mail that failed, or all of it: of an opened mail, what was encrypted. So the
envelope sender of an opened mail is an address of ours with a token that nobody can guess. Mail to such an address goes
no further. If it is a bounce, and the token is valid, a notice goes from the null sender to the true one, with nothing
of the decrypted content. A token that was never given, is used up or too old has no effect, and neither has an
automatic answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from relay.mail import bounce, opened_mark
from relay.mail.bounce import Bounce
from relay.mail.headers import split
from relay.mail.notice import Kind, Notices, Told
from relay.mail.returned_headers import returned
from relay.model import Address, Decision, Defer, Envelope, Inbound, Pass, Recipient, Reply, replies
from relay.model.errors import AddressError
from relay.model.return_path import Returnable, ReturnPath, new_token
from relay.pipeline.next_hop import NextHop
from relay.pipeline.opened_envelope import headers_returned
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.ports import OpenedMail
from relay.pipeline.transaction import Transaction
from relay.telemetry.events import Event

RULE = "(return path)"
"""In the trace in place of a rule's name."""


class ReturnTokens(Protocol):
    """Knows to which opened mail each return path belongs."""

    async def expect(self, token: str, returnable: Returnable) -> None:
        """A bounce with this token is about this mail; on disk when it returns. Raises `StoreError`."""

    async def expected(self, token: str) -> Returnable | None:
        """That mail; None: the token was never given, is used up or too old. Raises `StoreError`."""

    async def told(self, token: str, recipients: Sequence[Recipient]) -> None:
        """A notice has told of these recipients: the token does nothing for them any more. Raises `StoreError`."""


@dataclass(frozen=True, slots=True)
class ReturnPaths:
    """The envelopes of opened mail."""

    path: ReturnPath
    opened: OpenedMail
    tokens: ReturnTokens

    async def of(self, inbound: Inbound, recipients: tuple[Recipient, ...], content: bytes) -> Envelope:
        """The envelope with which `content`, the opened mail, goes on to these recipients.

        The mail is known as opened from then on. A null sender stays. Raises `StoreError`: then the mail must not go
        on.
        """
        envelope = headers_returned(inbound.envelope.only(recipients), content)
        noting = self.opened.note(opened_mark.own_identifiers(split(content)))
        if envelope.sender is None:
            await noting
            return envelope
        token = new_token()
        header = returned(content).encode("utf-8", "surrogateescape")
        options = inbound.envelope.options
        mail = Returnable(inbound.id, envelope.sender, envelope.recipients, options, header, inbound.received)
        await asyncio.gather(noting, self.tokens.expect(token, mail))  # the store commits both at once
        return replace(envelope, sender=self.path.for_token(token, envelope.recipients[0].address))


@dataclass(frozen=True, slots=True)
class Returns:
    """Handles mail to the return paths of opened mail."""

    path: ReturnPath
    tokens: ReturnTokens
    notices: Notices
    own_notices: OwnNotices
    next_hop: NextHop

    async def take(self, transaction: Transaction) -> AsyncIterator[tuple[int, Decision]]:
        """Answer the recipients that are return paths of ours. Yields each with what was done, before the next begins.

        Raises `StoreError`, and `TurnLost`: what was yielded until then is done.
        """
        for index in transaction.open:
            if token := self.path.token_in(transaction.recipients[index].address):
                reply, reason = await self._taken(transaction, token)
                transaction.answer((index,), reply)
                yield index, Pass(RULE, reason) if reply.accepted else Defer(RULE, reason)

    async def _taken(self, transaction: Transaction, token: str) -> tuple[Reply, str]:
        inbound = transaction.inbound
        found = bounce.read(inbound.content) if inbound.envelope.sender is None else None
        mail = await self.tokens.expected(token) if found else None
        if found is None or mail is None:
            transaction.log.info(Event.RETURN_IGNORED, size=len(inbound.content))
            return replies.delivered(inbound.id), "nothing to tell"
        told = _told(mail, found)
        if not told:
            return replies.delivered(inbound.id), "told already"
        reply = await self._tell(transaction, mail, told)
        if reply.accepted:
            await self.tokens.told(token, [one.recipient for one in told])
        return reply, "the sender is told" if reply.accepted else "the sender cannot be told now"

    async def _tell(self, transaction: Transaction, mail: Returnable, told: Sequence[Told]) -> Reply:
        if not self.next_hop.in_time(transaction):
            return replies.next_hop_down(transaction.inbound.id)
        envelope = Envelope.of_notice(mail.sender)
        notice = self.notices.compose(Kind.RETURNED, _original(mail), told)
        await self.own_notices.announce(notice, mail.sender)
        return await self.next_hop.tell(transaction, envelope, notice, kind=Kind.RETURNED.value, about=len(told))


def _told(mail: Returnable, found: Bounce) -> list[Told]:
    """Its recipients that failed and were not reported yet. A bounce that names none of them concerns all."""
    statuses = {key: failed.status for failed in found.failed for key in map(_key, failed.addresses)}
    named = [one for one in mail.recipients if one.address.key in statuses]
    if not named and any(address.key in statuses for address in mail.told):
        return []
    status = found.failed[0].status if found.failed else bounce.UNKNOWN_STATUS
    return [Told(one, "", statuses.get(one.address.key, status)) for one in named or mail.recipients]


def _key(text: str) -> str:
    try:
        return Address(text).key
    except AddressError:
        return ""


def _original(mail: Returnable) -> Inbound:
    """The facts from which the notice is written."""
    envelope = Envelope(mail.sender, mail.recipients, mail.options)
    return Inbound(mail.id, envelope, mail.header + b"\r\n", mail.received, "", "", "LMTP", single_answer=False)
