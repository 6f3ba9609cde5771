"""Step 7: tell the sender why a mail was not sent, or waits (RFC 3464, RFC 3834); ask the recipient for a key.

Promises that a notice goes from the null sender to the envelope's sender and to nobody else, and that it is counted as
given only when the next hop took it. What it says is written in `relay.mail.notice`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.mail.notice import Kind, Notices, Told
from relay.model import Decision, Envelope, Hold, Recipient, Refuse, Reply, replies
from relay.pipeline.attempt import Attempt
from relay.pipeline.facts import Facts
from relay.pipeline.next_hop import NextHop
from relay.pipeline.ports import Asking
from relay.pipeline.transaction import Transaction
from relay.policy import Telling


@dataclass(frozen=True, slots=True)
class Notifier:
    """Composes notices and sends them."""

    notices: Notices
    next_hop: NextHop
    asking: Asking | None = None
    """None: nobody is asked for a key."""

    async def tell_refused(self, attempt: Attempt, decisions: Mapping[int, Decision]) -> None:
        """Send a notice about refused recipients; its outcome becomes their reply."""
        transaction = attempt.transaction
        refused = {i: decision for i in transaction.open if isinstance(decision := decisions.get(i), Refuse)}
        if refused:
            told = [Told(transaction.recipients[i], decision.reason, "5.7.1") for i, decision in refused.items()]
            transaction.answer(refused, await self._tell(transaction, Kind.REFUSED, told))
            await attempt.record_served([i for i in refused if transaction.replies[i].accepted])

    async def tell_undelivered(self, attempt: Attempt, undelivered: Mapping[int, Reply], facts: Facts) -> None:
        """If others were served, send a notice about those whom the next hop refused: SMTP has one answer for all."""
        transaction = attempt.transaction
        tellable = [i for i in undelivered if transaction.accepted() and facts.can_be_told(i)]
        if tellable:
            told = [Told(transaction.recipients[i], "", undelivered[i].enhanced) for i in tellable]
            transaction.answer(tellable, await self._tell(transaction, Kind.UNDELIVERED, told))
            await attempt.record_served([i for i in tellable if transaction.replies[i].accepted])
        for index, reply in undelivered.items():
            transaction.answer((index,), reply)

    async def tell_held(self, attempt: Attempt, decisions: Mapping[int, Decision], facts: Facts) -> None:
        """Send one notice about held recipients, unless the sender had one for them."""
        transaction = attempt.transaction
        waiting = {
            i: decision
            for i, decision in decisions.items()
            if isinstance(decision, Hold) and facts.telling(i, decision) is Telling.NOTICE and not attempt.knows(i)
        }
        if waiting:
            told = [await self._held(transaction.recipients[i], decision.reason) for i, decision in waiting.items()]
            if (await self._tell(transaction, Kind.HELD, told)).accepted:
                await attempt.record_told(waiting)

    async def _held(self, recipient: Recipient, reason: str) -> Told:
        asked = self.asking is not None and await self.asking.ask(recipient.address)
        return Told(recipient, reason, "4.7.1", asked)

    async def _tell(self, transaction: Transaction, kind: Kind, told: Sequence[Told]) -> Reply:
        """Send one notice about these recipients; what it came to, as their reply."""
        inbound = transaction.inbound
        sender = inbound.envelope.sender
        if sender is None:
            return replies.refused(inbound.id)
        if not self.next_hop.in_time(transaction):
            return replies.next_hop_down(inbound.id)
        envelope = Envelope.of_notice(sender, inbound.envelope.xforward)
        notice = self.notices.compose(kind, inbound, told)
        return await self.next_hop.tell(transaction, envelope, notice, kind=kind.value, about=len(told))
