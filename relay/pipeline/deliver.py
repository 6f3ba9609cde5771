"""Step 7: hand over what was made, and note who is served.

Promises that each recipient's reply says what the next hop said, that whoever was served is in the ledger and in the
trace before the next message of the mail leaves (wherever a retry could serve again), and that a failure after the
first message does not undo the reply of a recipient who was served.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from relay.model import Reply, replies
from relay.model.errors import NextHopError
from relay.pipeline.attempt import Attempt
from relay.pipeline.encrypt import Message
from relay.pipeline.next_hop import NextHop
from relay.telemetry.events import Event, unforeseen


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Hands messages over, and records who is served."""

    next_hop: NextHop

    async def deliver(self, attempt: Attempt, messages: list[Message]) -> dict[int, Reply]:
        """Hand over each message; a message that has left is removed from the list, and its memory is freed.

        Returns the permanent refusals of the next hop where one SMTP answer covers several recipients: a notice reports
        these (`notify`). All others get their reply.
        """
        undelivered: dict[int, Reply] = {}
        while messages:
            message = messages.pop(0)
            if self.next_hop.in_time(attempt.transaction):
                undelivered |= await self._send(attempt, message)
        return undelivered

    async def _send(self, attempt: Attempt, message: Message) -> dict[int, Reply]:
        transaction, indexes = attempt.transaction, message.group.recipients
        given_envelope = message.envelope or transaction.inbound.envelope
        envelope = given_envelope.only(tuple(transaction.recipients[index] for index in indexes))
        begun = time.monotonic()
        try:
            given = await self.next_hop.send(transaction, envelope, message.content)
        except NextHopError as error:
            transaction.log.warning(Event.NEXT_HOP_FAILED, recipients=len(indexes), **unforeseen(error))
            transaction.answer(indexes, replies.next_hop_down(transaction.inbound.id))
            return {}
        transaction.log.debug(Event.HANDED_OVER, recipients=len(indexes), seconds=round(time.monotonic() - begun, 4))
        said = dict(zip(indexes, given, strict=True))
        undelivered = {index: reply for index, reply in said.items() if not self._answered(attempt, index, reply)}
        await attempt.record_served([index for index in indexes if transaction.is_accepted(index)])
        return undelivered

    def _answered(self, attempt: Attempt, index: int, reply: Reply) -> bool:
        transaction = attempt.transaction
        recipient = transaction.recipients[index].address.text
        transaction.log.debug(Event.NEXT_HOP_REPLIED, recipient=recipient, code=reply.code)
        if reply.permanent and transaction.inbound.single_answer:
            return False
        transaction.answer((index,), replies.delivered(transaction.inbound.id) if reply.accepted else reply)
        return True
