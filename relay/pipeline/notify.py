"""Tells a sender why a mail was not sent, or that it waits (RFC 3464, RFC 3834).

Promises that a notice goes from the null sender to the envelope's sender and to nobody else, and that it is
counted as given only when the next hop took it. What it says is written in `relay.mail.notice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.mail.notice import Kind, Notices, Told
from relay.model import Envelope, Recipient, Reply, replies
from relay.model.errors import NextHopError
from relay.pipeline.ports import Outlet
from relay.pipeline.transaction import Transaction
from relay.telemetry.events import Event, unforeseen


@dataclass(frozen=True, slots=True)
class Notifier:
    """Composes and sends."""

    notices: Notices
    outlet: Outlet

    async def tell(self, transaction: Transaction, kind: Kind, told: Sequence[Told]) -> Reply:
        """Send one notice about these recipients; what it came to, as their reply."""
        inbound = transaction.inbound
        sender = inbound.envelope.sender
        if sender is None:
            return replies.refused(inbound.id)
        options = () if sender.is_ascii else ("SMTPUTF8", "BODY=8BITMIME")
        envelope = Envelope(None, (Recipient(sender, ("NOTIFY=NEVER",)),), options, inbound.envelope.xforward)
        try:
            (reply,) = await self.outlet.send(envelope, self.notices.compose(kind, inbound, told))
        except NextHopError as error:
            transaction.log.warning(Event.DEFERRED, recipients=len(told), **unforeseen(error))
            return replies.next_hop_down(inbound.id)
        transaction.log.info(Event.NOTICED, notice=kind.value, recipients=len(told), code=reply.code)
        return replies.delivered(inbound.id) if reply.accepted else replies.notice_refused(inbound.id)
