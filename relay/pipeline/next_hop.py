"""Hands messages to the next hop only while the client waits: nothing is begun that could end after it has given up.

Postfix waits 1200 s for an answer and then sends again, so a message handed over later would be delivered twice. The
same holds if another machine may have taken the mail over, because this one hung or lost the store.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from relay.model import Envelope, Reply, replies
from relay.model.errors import NextHopError
from relay.pipeline.ports import Outlet
from relay.pipeline.transaction import Transaction
from relay.telemetry.events import Event, unforeseen

ENDS_WITHIN = 1180.0
"""Seconds from a mail's arrival to the next hop's last answer."""


@dataclass(frozen=True, slots=True)
class NextHop:
    """An outlet that begins no message for which too little time is left."""

    outlet: Outlet
    longest: float = 660.0
    """Seconds the next hop may take for one message: what would end too late is not begun."""

    def in_time(self, transaction: Transaction) -> bool:
        """Whether a message may still be begun."""
        if not transaction.is_ours():
            transaction.log.warning(Event.TURN_LOST)
            return False
        return time.monotonic() < transaction.began + ENDS_WITHIN - self.longest

    async def send(self, transaction: Transaction, envelope: Envelope, content: bytes) -> tuple[Reply, ...]:
        """As `Outlet.send`; a next hop that is not done in time raises `NextHopError`.

        Raises `TurnLost` where another attempt may have begun before the content was sent.
        """
        try:
            async with asyncio.timeout_at(transaction.began + ENDS_WITHIN):
                return await self.outlet.send(envelope, content, transaction.is_ours)
        except TimeoutError as error:
            raise NextHopError("the next hop takes too long") from error

    async def tell(
        self, transaction: Transaction, envelope: Envelope, notice: bytes, *, kind: str, about: int
    ) -> Reply:
        """Send a notice about so many recipients. Returns what it came to, as their reply."""
        id_ = transaction.inbound.id
        try:
            (reply,) = await self.send(transaction, envelope, notice)
        except NextHopError as error:
            transaction.log.warning(Event.NEXT_HOP_FAILED, recipients=about, **unforeseen(error))
            return replies.next_hop_down(id_)
        transaction.log.info(Event.NOTICE_SENT, notice=kind, recipients=about, code=reply.code)
        return replies.delivered(id_) if reply.accepted else replies.notice_refused(id_)
