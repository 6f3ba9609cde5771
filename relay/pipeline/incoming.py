"""The story of an incoming mail, from top to bottom.

Promises: every recipient is answered; 250 only after the next hop has taken the mail for that recipient; whatever is
unforeseen, and every outage, is 451. What is not encrypted, or stays closed, arrives as it came but for forged fields,
with one mark in front. Nothing is ever bounced for what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from relay.model import Decision, Inbound
from relay.model.incoming import Incoming
from relay.model.trace import IN
from relay.pipeline.attempt import Attempt
from relay.pipeline.audit import Audit, AuditEntry
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import Message
from relay.pipeline.grouping import MOST_PASSED, Group
from relay.pipeline.harvest import HarvestStep
from relay.pipeline.incoming_mail import MailMaker, Treated
from relay.pipeline.key_mail import KeyMails
from relay.pipeline.letter import Letter, read
from relay.pipeline.opened_envelope import OpenedEnvelopes
from relay.pipeline.receive import Receiver
from relay.pipeline.returns import Returns
from relay.pipeline.transaction import Transaction
from relay.pipeline.treat import DEFERRED, REFUSED, Treater
from relay.process.pool import Document, yield_to_others
from relay.telemetry.events import Event


@dataclass(frozen=True, slots=True)
class IncomingPipeline:
    """The steps; immutable, so that a reload never changes a mail in mid-way."""

    receiver: Receiver
    treater: Treater
    maker: MailMaker
    envelopes: OpenedEnvelopes
    returns: Returns
    deliverer: Deliverer
    audit: Audit
    authserv_id: str
    key_mails: KeyMails | None = None
    """None: no address takes keys."""
    harvest: HarvestStep | None = None
    """Takes the keys that a mail carries; None: mails are not searched for keys."""

    def begin(self, inbound: Inbound) -> Attempt:
        """An attempt at delivering this mail; its `replies` run the story."""
        return Attempt(Transaction(inbound), self._deliver)

    async def _deliver(self, attempt: Attempt) -> None:
        transaction = attempt.transaction
        with Document(transaction.inbound.content) as document, self.treater.budget.lease() as lease:
            attempt.ledger = await self.receiver.receive(transaction, document)
            if not transaction.open:
                return
            decisions: dict[int, Decision | Incoming] = {}
            attempt.audit = audit = AuditEntry(self.audit, transaction, decisions, IN)
            async for index, decision in self.returns.take(transaction):
                decisions[index] = decision  # noqa: PERF403  each at once: its notice has left if the next one fails
            letter = await document.run(read, transaction.inbound.content, self.authserv_id)
            if self.key_mails:
                decisions |= await self.key_mails.take(attempt, letter, document)
            wanted = transaction.open
            treated = await self.treater.treat(transaction, letter, document, lease)
            if self.harvest:
                await self.harvest.look(transaction, letter, document)
            document.close()
            decisions |= {i: one.decision if (one := treated.get(i)) else _undone(transaction, i) for i in wanted}
            audit.signed_by = {index: one.mark.key for index, one in treated.items()}
            await _tell(transaction, decisions)
            for one, indexes in _groups(treated):
                await self._send(attempt, letter, one, indexes)

    async def _send(self, attempt: Attempt, letter: Letter, treated: Treated, indexes: tuple[int, ...]) -> None:
        """Hand it over to those recipients for whom the same happens to it."""
        transaction = attempt.transaction
        content = self.maker.make(transaction.inbound, letter, treated)
        recipients = tuple(transaction.recipients[index] for index in indexes)
        opened = treated.finding is not None
        envelope = await self.envelopes.of(transaction.inbound, recipients, content) if opened else None
        undelivered = await self.deliverer.deliver(attempt, [Message(Group(indexes), content, envelope=envelope)])
        for index, reply in undelivered.items():
            transaction.answer((index,), reply)


def _undone(transaction: Transaction, index: int) -> Decision:
    """The decision for a recipient for whom no mail was made."""
    reply = transaction.replies.get(index)
    return REFUSED if reply and reply.permanent else DEFERRED


async def _tell(transaction: Transaction, decisions: Mapping[int, Decision | Incoming]) -> None:
    for at, (index, decision) in enumerate(decisions.items()):
        transaction.log.debug(
            Event.DECIDED,
            direction=IN,
            action=decision.action,
            recipient=transaction.recipients[index].address.text,
            rule=decision.rule,
            reason=decision.reason,
            **_marked(decision),
        )
        await yield_to_others(at)


def _marked(decision: Decision | Incoming) -> dict[str, str]:
    if not isinstance(decision, Incoming):
        return {}
    return {"encryption": decision.mark.encryption.value, "signature": decision.mark.signature.value}


def _groups(treated: Mapping[int, Treated]) -> Iterator[tuple[Treated, tuple[int, ...]]]:
    """The recipients for whom the same happens to it, a bounded number at a time."""
    same: list[tuple[Treated, list[int]]] = []
    for index, one in treated.items():
        indexes = next((indexes for other, indexes in same if other is one), None)
        if indexes is None:
            same.append((one, [index]))
        else:
            indexes.append(index)
    for one, indexes in same:
        for start in range(0, len(indexes), MOST_PASSED):
            yield one, tuple(indexes[start : start + MOST_PASSED])
