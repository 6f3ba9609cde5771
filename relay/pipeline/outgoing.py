"""The way of a message: seven rooms in a row (DESIGN 3).

Promises: `process` never raises and answers every recipient. It answers 250 only after the next hop has taken
what was made of the mail for that recipient; whatever is unforeseen is 451. Everything is encrypted before
anything leaves. Deciding alters nothing, making decides nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from relay import policy
from relay.mail import headers, probe
from relay.mail.hidden_recipients import HiddenRecipients, hidden_recipients
from relay.mail.shape import Shape, shape_of
from relay.model import (
    Defer,
    Encrypt,
    Found,
    Inbound,
    Lookup,
    NotFound,
    Outage,
    Refuse,
    Reply,
    Unusable,
    replies,
    verb,
)
from relay.pipeline.audit import Audit
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt_all import BatchEncryptor
from relay.pipeline.facts import Facts
from relay.pipeline.grouping import Group, group_recipients
from relay.pipeline.ledger import BufferedLedger, digest
from relay.pipeline.ports import Lookups
from relay.pipeline.transaction import Transaction
from relay.policy import Rule, Telling
from relay.process import pool
from relay.process.budget import Lease
from relay.process.pool import yield_to_others
from relay.telemetry.events import DECIDED, Event, unforeseen

MOST_HOPS = 50
RESULTS: Mapping[type[Lookup], str] = {
    Found: "found",
    NotFound: "not found",
    Unusable: "unusable",
    Outage: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the rooms are made of; immutable, so that a reload never changes a message in mid-way."""

    rules: tuple[Rule, ...]
    lookups: Lookups
    batch: BatchEncryptor
    deliverer: Deliverer
    ledger: BufferedLedger
    audit: Audit
    shadow: bool = False

    async def process(self, inbound: Inbound) -> tuple[Reply, ...]:
        """One reply a recipient, in the envelope's order."""
        transaction = Transaction(inbound, self.shadow)
        self.deliverer.remember(transaction)
        await _guarded(transaction, self._through(transaction))
        await _guarded(transaction, self._record_answers(transaction))
        given = transaction.final_replies()
        codes = Counter(reply.code for reply in given)
        transaction.log.debug(Event.ANSWERED, codes=dict(codes), seconds=round(time.monotonic() - transaction.began, 4))
        return given

    async def answered(self, inbound: Inbound, delivered: bool) -> None:  # noqa: FBT001  the inlet's hook
        """The client got its answers, or left, or the relay stopped, before it could: always called, and last."""
        await self.deliverer.settle(inbound, delivered=delivered)

    async def _record_answers(self, transaction: Transaction) -> None:
        await self.audit.record(transaction, transaction.outcomes())

    async def _through(self, transaction: Transaction) -> None:
        if not await self._receive(transaction):
            return
        if transaction.shadow:
            await _guarded(transaction, self._rehearse(transaction))
            group = Group(transaction.open, hidden=transaction.hidden)
            message = await self.batch.encryptor.make(transaction.inbound, group)
            await self.deliverer.deliver_unchanged(transaction, message)
            return
        await self._judge(transaction)
        with self.batch.budget.lease() as lease:
            await self.deliverer.deliver(transaction, await self._make(transaction, lease))

    async def _rehearse(self, transaction: Transaction) -> None:
        """Shadow mode: all that would be done, up to what leaves. Whatever fails here stops no mail."""
        await self._judge(transaction)
        try:
            with self.batch.budget.lease() as lease:
                await self._make(transaction, lease)
        finally:
            for index, decision in transaction.decisions.items():
                if isinstance(decision, Encrypt) and index not in transaction.signed_by:
                    transaction.decisions[index] = Defer(decision.rule, "it could not be encrypted")

    async def _judge(self, transaction: Transaction) -> None:
        inbound = transaction.inbound
        head, shape, hidden = await pool.run(len(inbound.content), _read, inbound)
        transaction.automatic = shape.automatic
        transaction.hidden = hidden
        await self._decide(transaction, Facts(inbound, head, shape))

    async def _make(self, transaction: Transaction, lease: Lease) -> list[tuple[Group, bytes]]:
        decisions = {index: transaction.decisions[index] for index in transaction.open}
        groups = group_recipients(decisions, transaction.inbound.envelope, transaction.hidden)
        return await self.batch.encrypt_all(transaction, groups, lease)

    async def _receive(self, transaction: Transaction) -> bool:
        inbound = transaction.inbound
        transaction.log.info(
            Event.RECEIVED, size=len(inbound.content), recipients=len(transaction.recipients), protocol=inbound.protocol
        )
        digest = await pool.run(len(inbound.content), _admitted, inbound)
        if isinstance(digest, Reply):
            transaction.log.warning(Event.REJECTED, code=digest.code, status=digest.enhanced)
            transaction.answer(transaction.everyone, digest)
            return False
        if await self._is_probe(transaction):
            transaction.answer(transaction.everyone, replies.delivered(inbound.id))
            return False
        await self.audit.ready()
        await self.ledger.locks.acquire(digest)
        transaction.digest = digest
        transaction.known = await self.ledger.known(transaction.digest)
        served = [index for index in transaction.everyone if transaction.key(index) in transaction.known]
        if served:
            transaction.log.info(Event.SKIPPED, recipients=len(served))
            transaction.answer(served, replies.delivered(inbound.id))
        return True

    async def _is_probe(self, transaction: Transaction) -> bool:
        """Whether `postfix check-path` sent it. It has arrived then, which the store is told, and goes no further."""
        token = probe.token_in(transaction.inbound.content)
        if token is None or probe.REGISTERED not in await self.ledger.known(probe.digest(token)):
            return False
        seen = [recipient.address.text for recipient in transaction.recipients]
        await self.ledger.record(probe.digest(token), seen)
        transaction.log.info(Event.PROBED, recipients=len(seen))
        return True

    async def _decide(self, transaction: Transaction, facts: Facts) -> None:
        candidates = facts.candidates(self.rules)
        rules = {
            index: policy.first_for(candidates, transaction.recipients[index].address) for index in transaction.open
        }
        wanted = {
            transaction.recipients[index].address: rule.excused
            for index, rule in rules.items()
            if policy.needs_key(rule, encrypted_as=facts.encrypted_as)
        }
        late = facts.late and self.batch.encryptor.leaves_off(transaction.inbound.envelope.sender)
        begun = time.monotonic()
        found = await self.lookups.find_all(wanted)
        seconds = round(time.monotonic() - begun, 4)
        for (source, kind), count in Counter((each.source, type(each)) for each in found.values()).items():
            transaction.log.debug(
                Event.LOOKED_UP, source=source, result=RESULTS[kind], recipients=count, seconds=seconds
            )
        for index, rule in rules.items():
            address = transaction.recipients[index].address
            decision = policy.decide(rule, encrypted_as=facts.encrypted_as, lookup=found.get(address), late=late)
            transaction.decisions[index] = decision
            transaction.log.info(
                DECIDED[verb(decision)], recipient=address.text, rule=rule.name, reason=decision.reason
            )
            await yield_to_others(index)
        self._refuse_by_one_reply(transaction)

    def _refuse_by_one_reply(self, transaction: Transaction) -> None:
        """One SMTP answer that has to say 550 says it for all: then nothing of this mail may leave."""
        if not transaction.inbound.single_answer or transaction.shadow:
            return
        decided = [(index, transaction.decisions[index]) for index in transaction.open]
        if any(isinstance(d, Refuse) and transaction.telling(index, d) is Telling.REPLY for index, d in decided):
            transaction.answer(transaction.open, replies.refused(transaction.inbound.id))


async def _guarded(transaction: Transaction, step: Awaitable[None]) -> None:
    try:
        await step
    except Exception as error:  # noqa: BLE001  the last wall: whatever is unforeseen is temporary
        transaction.log.error(Event.FAILED, **unforeseen(error))


def _read(inbound: Inbound) -> tuple[headers.Head, Shape, HiddenRecipients]:
    head = headers.split(inbound.content)
    return head, shape_of(inbound.content), hidden_recipients(inbound.envelope, head)


def _admitted(inbound: Inbound) -> bytes | Reply:
    """What names its transaction, or why it is not taken."""
    return _unacceptable(inbound) or digest(inbound.envelope, inbound.content)


def _unacceptable(inbound: Inbound) -> Reply | None:
    if headers.excessive(inbound.content):
        return replies.header_too_large(inbound.id)
    if headers.faulty(inbound.content):
        return replies.malformed(inbound.id)
    if headers.received_count(headers.split(inbound.content)) > MOST_HOPS:
        return replies.loop(inbound.id)
    return None
