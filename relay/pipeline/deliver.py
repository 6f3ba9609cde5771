"""Room seven: hand over what was made, tell the sender what was not, keep the ledger.

Promises that each recipient's reply says what the next hop said, that whoever was served is in the ledger and in
the trace before the next message of the transaction leaves (wherever a retry could serve again), that a failure
after the first message does not undo the reply of a recipient who was served, and that nothing is begun that
could end after the client has given up (Postfix: 1200 s) and sends again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.mail.notice import Kind, Told
from relay.model import Defer, Hold, Inbound, Refuse, Reply, replies
from relay.model.errors import NextHopError, StoreError
from relay.pipeline.audit import Witness
from relay.pipeline.grouping import Parcel, unchanged
from relay.pipeline.ledger import Served
from relay.pipeline.notify import Notifier
from relay.pipeline.ports import Outlet
from relay.pipeline.transaction import Course
from relay.policy import Telling
from relay.telemetry.events import Event, unforeseen

ENDS_WITHIN = 1180.0
"""Seconds from a mail's arrival to the next hop's last answer."""
_TOLD = "told:"  # a mark in the ledger: the sender knows that this mail is held. No address begins like this


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Sends, notifies and records."""

    outlet: Outlet
    notifier: Notifier
    served: Served
    witness: Witness
    longest: float = 660.0
    """Seconds the next hop may take for one message: what would end too late is not begun."""
    _unsettled: dict[str, Course] = field(default_factory=dict)

    async def deliver(self, course: Course, made: list[tuple[Parcel, bytes]]) -> None:
        """Give every open recipient a reply. `made` is emptied: what has left needs no memory."""
        self._answer_by_decision(course)
        await self._hand_over(course, made)
        await self._tell_refused(course)
        await self._tell_undelivered(course)
        await self._tell_held(course)

    async def deliver_unchanged(self, course: Course, message: bytes) -> None:
        """Shadow mode: whatever was decided, everyone gets this. What the next hop refuses is told all the same."""
        await self._hand_over(course, [(parcel, message) for parcel in unchanged(course.open, course.hidden)])
        await self._tell_undelivered(course)

    async def _hand_over(self, course: Course, made: list[tuple[Parcel, bytes]]) -> None:
        while made:
            parcel, message = made.pop(0)
            if self._in_time(course):
                await self._send(course, parcel, message)

    def _in_time(self, course: Course) -> bool:
        return time.monotonic() < course.began + ENDS_WITHIN - self.longest

    async def _tell(self, course: Course, kind: Kind, told: Sequence[Told]) -> Reply:
        if not self._in_time(course):
            return replies.next_hop_down(course.inbound.id)
        try:
            async with asyncio.timeout_at(course.began + ENDS_WITHIN):
                return await self.notifier.tell(course, kind, told)
        except TimeoutError:
            return replies.next_hop_down(course.inbound.id)

    def remember(self, course: Course) -> None:
        """Keep what `settle` will need."""
        self._unsettled[course.inbound.id] = course

    async def settle(self, inbound: Inbound, *, delivered: bool) -> None:
        """The client got its answers (then the ledger may forget them) or left (then it must know them)."""
        course = self._unsettled.pop(inbound.id, None)
        if course is None or not course.transaction:
            return
        try:
            if delivered:
                await self._forget_final(course)
            else:
                await self._record(course, course.accepted())
                course.log.warning(Event.UNANSWERED, served=len(course.accepted()))
        except StoreError as error:
            course.log.error(Event.FAILED, **unforeseen(error))
        finally:
            self.served.turns.end(course.transaction)

    def _answer_by_decision(self, course: Course) -> None:
        for index in course.open:
            match course.decisions[index]:
                case Defer():
                    course.answer((index,), replies.source_down(course.inbound.id))
                case Hold():
                    course.answer((index,), replies.held(course.inbound.id))
                case Refuse() as refusal if course.telling(index, refusal) is not Telling.NOTICE:
                    course.answer((index,), replies.refused(course.inbound.id))
                case _:
                    pass

    async def _send(self, course: Course, parcel: Parcel, message: bytes) -> None:
        recipients = tuple(course.recipients[index] for index in parcel.recipients)
        begun = time.monotonic()
        try:
            async with asyncio.timeout_at(course.began + ENDS_WITHIN):
                given = await self.outlet.send(course.inbound.envelope.only(recipients), message)
        except (NextHopError, TimeoutError) as error:
            course.log.warning(Event.DEFERRED, recipients=len(recipients), **unforeseen(error))
            course.answer(parcel.recipients, replies.next_hop_down(course.inbound.id))
            return
        course.log.debug(Event.HANDED, recipients=len(recipients), seconds=round(time.monotonic() - begun, 4))
        for index, reply in zip(parcel.recipients, given, strict=True):
            self._take(course, index, reply)
        await self._record_if_split(course, [i for i in parcel.recipients if course.is_accepted(i)])

    def _take(self, course: Course, index: int, reply: Reply) -> None:
        course.log.info(Event.RELAYED, recipient=course.recipients[index].address.text, code=reply.code)
        if reply.permanent and course.inbound.single_answer:
            course.undelivered[index] = reply
        else:
            course.answer((index,), replies.delivered(course.inbound.id) if reply.accepted else reply)

    async def _tell_refused(self, course: Course) -> None:
        refused = {i: d for i in course.open if isinstance(d := course.decisions.get(i), Refuse)}
        if refused:
            told = [Told(course.recipients[i], d.reason, "5.7.1") for i, d in refused.items()]
            course.answer(refused, await self._tell(course, Kind.REFUSED, told))
            await self._record_if_split(course, [i for i in refused if course.replies[i].accepted])

    async def _tell_undelivered(self, course: Course) -> None:
        """SMTP has one answer: where others were served, a refusal by the next hop is told by a notice."""
        failed = course.undelivered
        served = bool(course.accepted())
        tellable = [i for i in failed if served and course.can_be_told(i)]
        if tellable:
            told = [Told(course.recipients[i], "", failed[i].enhanced) for i in tellable]
            course.answer(tellable, await self._tell(course, Kind.UNDELIVERED, told))
            await self._record(course, [i for i in tellable if course.replies[i].accepted])
        for index, reply in failed.items():
            course.answer((index,), reply)

    async def _tell_held(self, course: Course) -> None:
        waiting = {
            i: d
            for i, d in course.decisions.items()
            if isinstance(d, Hold)
            and course.telling(i, d) is Telling.NOTICE
            and _TOLD + course.key(i) not in course.known
        }
        if waiting:
            told = [Told(course.recipients[i], d.reason, "4.7.1") for i, d in waiting.items()]
            if (await self._tell(course, Kind.HELD, told)).accepted:
                await self._write(course, [_TOLD + course.key(i) for i in waiting])

    async def _record_if_split(self, course: Course, indexes: Sequence[int]) -> None:
        """One message for one recipient has nothing that a retry could serve twice but RFC 1047's window."""
        if len(indexes) < len(course.recipients) or course.known:
            await self._record(course, indexes)

    async def _record(self, course: Course, indexes: Sequence[int]) -> None:
        await asyncio.gather(
            self._write(course, [course.key(i) for i in indexes if course.key(i) not in course.known]),
            self.witness.testify(course, {i: course.replies[i] for i in indexes}),
        )

    async def _write(self, course: Course, keys: Sequence[str]) -> None:
        if new := [key for key in keys if key not in course.recorded]:
            course.recorded.update(new)
            if not await self.served.record(course.transaction, new):
                course.log.error(Event.UNTRACED, rows=len(new))

    async def _forget_final(self, course: Course) -> None:
        final = [i for i, reply in enumerate(course.final_replies()) if not reply.temporary]
        keys = {course.key(i) for i in final} | {_TOLD + course.key(i) for i in final}
        if rows := sorted(keys & (course.known | course.recorded)):
            await self.served.forget(course.transaction, rows)
