"""Room six for all recipients: makes every message before one leaves, within bounds of time and memory.

Promises that a failure concerns the recipients of that one message, who get a temporary reply, and that the copies
of one mail for many hidden recipients do not eat the machine: what finds no room, or no time, is answered 452 or
451. The client comes again with these recipients alone, so that every attempt gets further.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from relay.model import replies
from relay.model.errors import EngineError, NotEncrypted
from relay.pipeline.encrypt import Protector
from relay.pipeline.grouping import Parcel
from relay.pipeline.transaction import Course
from relay.telemetry.events import Event, unforeseen

AT_ONCE = 8
"""Messages in the making, of one mail: enough for every processor, and payloads of no more are in memory."""
MADE_WITHIN = 250.0
"""Seconds from a mail's arrival; then there is still time to hand over before Postfix gives up."""
ROOM = 512 * 1024 * 1024


class Room:
    """Octets for the copies of all mails, beyond each mail's first."""

    def __init__(self, octets: int = ROOM) -> None:
        self.free = octets

    @contextmanager
    def share(self) -> Iterator[Share]:
        """One mail's share, given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.free += share.taken


class Share:
    """What one mail has taken of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def take(self, octets: int) -> bool:
        """Whether there is so much room; then it is taken."""
        if octets > self._room.free:
            return False
        self._room.free -= octets
        self.taken += octets
        return True


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes what leaves."""

    protector: Protector
    room: Room = field(default_factory=Room)

    async def make_all(self, course: Course, parcels: Sequence[Parcel], share: Share) -> list[tuple[Parcel, bytes]]:
        """Every message that could be made, in their order; the others' recipients have their reply."""
        waiting = [parcel for at, parcel in enumerate(parcels) if at == 0 or self._has_room(course, parcel, share)]
        made: dict[int, bytes] = {}
        queue = iter(enumerate(waiting))

        async def work() -> None:
            for at, parcel in queue:
                if (message := await self._make(course, parcel)) is not None:
                    made[at] = message

        await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(waiting)))))
        return [(waiting[at], made.pop(at)) for at in sorted(made)]

    def _has_room(self, course: Course, parcel: Parcel, share: Share) -> bool:
        if share.take(len(course.inbound.content) * 3 // 2):  # armor makes four octets of three
            return True
        if not course.shadow:
            course.answer(parcel.recipients, replies.too_many_copies(course.inbound.id))
        return False

    async def _make(self, course: Course, parcel: Parcel) -> bytes | None:
        if time.monotonic() > course.began + MADE_WITHIN:
            return None
        begun = time.monotonic()
        try:
            message = await self.protector.make(course.inbound, parcel)
        except (EngineError, NotEncrypted) as error:
            course.log.error(Event.FAILED, recipients=len(parcel.recipients), **unforeseen(error))
            if not course.shadow:
                course.answer(parcel.recipients, replies.failed(course.inbound.id))
            return None
        if parcel.encrypted:
            signer = self.protector.signer(course.inbound, parcel) or ""
            course.signed_by.update(dict.fromkeys(parcel.recipients, signer))
            seconds = round(time.monotonic() - begun, 4)
            course.log.info(
                Event.ENCRYPTED, recipients=len(parcel.recipients), signer=signer, size=len(message), seconds=seconds
            )
        return message
