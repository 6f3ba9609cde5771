"""The story of an outgoing mail, from top to bottom.

Promises: every recipient is answered; 250 only after the next hop has taken what was made of the mail for that
recipient; whatever is unforeseen is 451. Everything is encrypted before anything leaves. Code that decides changes
nothing, code that changes something decides nothing. The steps around deciding and encrypting serve other stories as
well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from relay.model import Decision, Defer, Encrypt, Inbound
from relay.pipeline.answer import answer_decided
from relay.pipeline.attempt import Attempt
from relay.pipeline.audit import Audit, AuditEntry
from relay.pipeline.author import Author, Authors
from relay.pipeline.decide import Decider
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt import Message
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.facts import Facts, read
from relay.pipeline.grouping import Group, group_recipients, unchanged
from relay.pipeline.notify import Notifier
from relay.pipeline.pickup import Pickups
from relay.pipeline.receive import Receiver
from relay.pipeline.transaction import Transaction
from relay.process.budget import Lease
from relay.process.pool import Document


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps; immutable, so that a reload never changes a mail in mid-way."""

    receiver: Receiver
    decider: Decider
    batch: BatchEncryptor
    deliverer: Deliverer
    notifier: Notifier
    audit: Audit
    pickups: Pickups | None = None
    """None: nothing becomes a pick-up."""
    authors: Authors = field(default_factory=Authors)
    shadow: bool = False
    """Decisions are only traced, and mails are passed on unchanged."""

    def begin(self, inbound: Inbound) -> Attempt:
        """An attempt at delivering this mail; its `replies` run the story."""
        return Attempt(Transaction(inbound, self.shadow), self._shadow if self.shadow else self._deliver)

    async def _deliver(self, attempt: Attempt) -> None:
        transaction = attempt.transaction
        with Document(transaction.inbound.content) as document, self.batch.budget.lease() as lease:
            attempt.ledger = await self.receiver.receive(transaction, document)
            if not transaction.open:
                return
            facts = await read(transaction.inbound, document, codes=self.pickups is not None)
            await self._follow_rules(attempt, facts, document, lease)

    async def _follow_rules(self, attempt: Attempt, facts: Facts, document: Document, lease: Lease) -> None:
        transaction = attempt.transaction
        author = await self.authors.of(transaction.inbound, facts.head)
        decisions = await self.decider.decide(transaction, facts, author)
        attempt.audit = AuditEntry(self.audit, transaction, decisions)
        answer_decided(transaction, decisions, facts)
        groups = _groups(transaction, decisions, facts, author)
        messages = await self._make(attempt, groups, document, lease)
        locked = await self.pickups.prepare(attempt, decisions, facts.hidden, document) if self.pickups else []
        document.close()
        undelivered = await self.deliverer.deliver(attempt, messages)
        if self.pickups:
            await self.pickups.deliver(attempt, locked)
        await self.notifier.tell_refused(attempt, decisions)
        await self.notifier.tell_undelivered(attempt, undelivered, facts)
        await self.notifier.tell_held(attempt, decisions, facts)

    async def _shadow(self, attempt: Attempt) -> None:
        """Do everything except sending the result; then everybody gets the mail as it came.

        Failures stop no mail. Mail that was decrypted here is an exception: it leaves encrypted or not at all.
        """
        transaction = attempt.transaction
        with Document(transaction.inbound.content) as document:
            attempt.ledger = await self.receiver.receive(transaction, document)
            if not transaction.open:
                return
            facts = await attempt.guarded(read(transaction.inbound, document, codes=self.pickups is not None))
            if facts and await self.decider.opened.is_opened(facts):
                transaction.leave_shadow()
                with self.batch.budget.lease() as lease:
                    await self._follow_rules(attempt, facts, document, lease)
                return
            if facts is None and self.decider.opened.register:
                return  # it may be such a mail: 451
            if facts:
                await attempt.guarded(self._rehearse(attempt, facts, document))
            facts = facts or Facts.unread(transaction.inbound)
            whole = Group(transaction.open, hidden=facts.hidden)
            content = (await self.batch.encryptor.make(transaction.inbound, whole, document)).content
        messages = [Message(group, content) for group in unchanged(whole.recipients, whole.hidden)]
        undelivered = await self.deliverer.deliver(attempt, messages)
        await self.notifier.tell_undelivered(attempt, undelivered, facts)

    async def _rehearse(self, attempt: Attempt, facts: Facts, document: Document) -> None:
        author = await self.authors.of(attempt.transaction.inbound, facts.head)
        decisions = await self.decider.decide(attempt.transaction, facts, author)
        audit = attempt.audit = AuditEntry(self.audit, attempt.transaction, decisions)
        messages: list[Message] = []
        try:
            with self.batch.budget.lease() as lease:
                groups = _groups(attempt.transaction, decisions, facts, author)
                messages = await self._make(attempt, groups, document, lease)
        finally:
            made = {index for message in messages for index in message.group.recipients}
            audit.decisions = {index: _rehearsed(each, index in made) for index, each in decisions.items()}

    async def _make(self, attempt: Attempt, groups: Sequence[Group], document: Document, lease: Lease) -> list[Message]:
        messages = await self.batch.encrypt_all(attempt.transaction, groups, document, lease)
        if attempt.audit:
            attempt.audit.signed_by = {index: each.signer for each in messages for index in each.group.recipients}
        return messages


def _groups(
    transaction: Transaction, decisions: Mapping[int, Decision], facts: Facts, author: Author
) -> Sequence[Group]:
    """The messages to make, for those who have no reply yet."""
    wanted = {index: decisions[index] for index in transaction.open}
    return group_recipients(wanted, transaction.inbound.envelope, facts.hidden, author)


def _rehearsed(decision: Decision, made: bool) -> Decision:  # noqa: FBT001  whether a message was made for it
    if isinstance(decision, Encrypt) and not made:
        return Defer(decision.rule, "it could not be encrypted")
    return decision
