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
from typing import Protocol

from relay import policy
from relay.mail import headers
from relay.mail.hidden_recipients import HiddenRecipients, hidden_recipients
from relay.mail.shape import Shape, shape_of
from relay.model import (
    Address,
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
from relay.pipeline.audit import Witness
from relay.pipeline.deliver import Deliverer
from relay.pipeline.encrypt_all import Maker, Share
from relay.pipeline.facts import Facts
from relay.pipeline.grouping import Parcel, pack
from relay.pipeline.ledger import Served, digest
from relay.pipeline.transaction import Course
from relay.policy import Rule, Telling
from relay.process.pool import aside, breath
from relay.telemetry.events import DECIDED, Event, unforeseen

MOST_HOPS = 50
RESULTS: Mapping[type[Lookup], str] = {
    Found: "found",
    NotFound: "not found",
    Unusable: "unusable",
    Outage: "unavailable",
}


class Lookups(Protocol):
    """All recipients at once (`relay.keys.resolver`)."""

    async def find_all(self, wanted: Mapping[Address, frozenset[str]]) -> dict[Address, Lookup]:
        """The answer for each address; the value names the sources whose outage is excused."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the rooms are made of; immutable, so that a reload never changes a message in mid-way."""

    rules: tuple[Rule, ...]
    lookups: Lookups
    maker: Maker
    deliverer: Deliverer
    served: Served
    witness: Witness
    shadow: bool = False

    async def process(self, inbound: Inbound) -> tuple[Reply, ...]:
        """One reply a recipient, in the envelope's order."""
        course = Course(inbound, self.shadow)
        self.deliverer.remember(course)
        await _guarded(course, self._through(course))
        await _guarded(course, self._testify(course))
        given = course.final_replies()
        codes = Counter(reply.code for reply in given)
        course.log.debug(Event.ANSWERED, codes=dict(codes), seconds=round(time.monotonic() - course.began, 4))
        return given

    async def answered(self, inbound: Inbound, delivered: bool) -> None:  # noqa: FBT001  the inlet's hook
        """The client got its answers, or left, or the relay stopped, before it could: always called, and last."""
        await self.deliverer.settle(inbound, delivered=delivered)

    async def _testify(self, course: Course) -> None:
        await self.witness.testify(course, course.outcomes())

    async def _through(self, course: Course) -> None:
        if not await self._receive(course):
            return
        if course.shadow:
            await _guarded(course, self._rehearse(course))
            message = await self.maker.protector.make(course.inbound, Parcel(course.open, hidden=course.hidden))
            await self.deliverer.deliver_unchanged(course, message)
            return
        await self._judge(course)
        with self.maker.room.share() as share:
            await self.deliverer.deliver(course, await self._make(course, share))

    async def _rehearse(self, course: Course) -> None:
        """Shadow mode: all that would be done, up to what leaves. Whatever fails here stops no mail."""
        await self._judge(course)
        try:
            with self.maker.room.share() as share:
                await self._make(course, share)
        finally:
            for index, decision in course.decisions.items():
                if isinstance(decision, Encrypt) and index not in course.signed_by:
                    course.decisions[index] = Defer(decision.rule, "it could not be encrypted")

    async def _judge(self, course: Course) -> None:
        inbound = course.inbound
        head, shape, hidden = await aside(len(inbound.content), _read, inbound)
        course.automatic = shape.automatic
        course.hidden = hidden
        await self._decide(course, Facts(inbound, head, shape))

    async def _make(self, course: Course, share: Share) -> list[tuple[Parcel, bytes]]:
        decisions = {index: course.decisions[index] for index in course.open}
        return await self.maker.make_all(course, pack(decisions, course.inbound.envelope, course.hidden), share)

    async def _receive(self, course: Course) -> bool:
        inbound = course.inbound
        course.log.info(
            Event.RECEIVED, size=len(inbound.content), recipients=len(course.recipients), protocol=inbound.protocol
        )
        transaction = await aside(len(inbound.content), _admitted, inbound)
        if isinstance(transaction, Reply):
            course.log.warning(Event.REJECTED, code=transaction.code, status=transaction.enhanced)
            course.answer(course.everyone, transaction)
            return False
        await self.witness.ready()
        await self.served.turns.begin(transaction)
        course.transaction = transaction
        course.known = await self.served.known(course.transaction)
        served = [index for index in course.everyone if course.key(index) in course.known]
        if served:
            course.log.info(Event.SKIPPED, recipients=len(served))
            course.answer(served, replies.delivered(inbound.id))
        return True

    async def _decide(self, course: Course, facts: Facts) -> None:
        candidates = facts.candidates(self.rules)
        rules = {index: policy.first_for(candidates, course.recipients[index].address) for index in course.open}
        wanted = {
            course.recipients[index].address: rule.excused
            for index, rule in rules.items()
            if policy.needs_key(rule, encrypted_as=facts.encrypted_as)
        }
        begun = time.monotonic()
        found = await self.lookups.find_all(wanted)
        seconds = round(time.monotonic() - begun, 4)
        for (source, kind), count in Counter((each.source, type(each)) for each in found.values()).items():
            course.log.debug(Event.LOOKED_UP, source=source, result=RESULTS[kind], recipients=count, seconds=seconds)
        for index, rule in rules.items():
            address = course.recipients[index].address
            decision = policy.decide(rule, encrypted_as=facts.encrypted_as, lookup=found.get(address))
            course.decisions[index] = decision
            course.log.info(DECIDED[verb(decision)], recipient=address.text, rule=rule.name, reason=decision.reason)
            await breath(index)
        self._refuse_by_one_reply(course)

    def _refuse_by_one_reply(self, course: Course) -> None:
        """One SMTP answer that has to say 550 says it for all: then nothing of this mail may leave."""
        if not course.inbound.single_answer or course.shadow:
            return
        decided = [(index, course.decisions[index]) for index in course.open]
        if any(isinstance(d, Refuse) and course.telling(index, d) is Telling.REPLY for index, d in decided):
            course.answer(course.open, replies.refused(course.inbound.id))


async def _guarded(course: Course, step: Awaitable[None]) -> None:
    try:
        await step
    except Exception as error:  # noqa: BLE001  the last wall: whatever is unforeseen is temporary
        course.log.error(Event.FAILED, **unforeseen(error))


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
