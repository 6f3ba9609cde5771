"""What visitors of the public web service did, until the relay has taken it. Raises `StoreError` and `Crowded`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from relay.model.errors import Crowded
from relay.model.public import EventKind, PublicEvent
from relay.store.database import Database
from relay.store.public_schema import counter, events

MOST: Mapping[EventKind, tuple[int, int]] = {
    EventKind.KEY: (1000, 64 << 20),
    EventKind.CONFIRMED: (10_000, 1 << 20),
    EventKind.REFUSED: (10_000, 1 << 20),
    EventKind.OPENED: (10_000, 1 << 20),
    EventKind.ANSWER: (1000, 2 << 30),
}
"""Events and octets of each kind that may wait: strangers cannot fill the disk, and no kind blocks another."""
MOST_ANSWERS = (20, 128 << 20)
"""The same for the answers to one pick-up, so that its reader cannot keep readers of others from answering."""
KEPT_FREE = 2
SHARE = 64
"""Of the room for answers, 1/KEPT_FREE is kept for pick-ups of which none waits: a reader may have many pick-ups. Each
of these answers may take 1/SHARE of the octets that are free."""

_FACTS = (events.c.number, events.c.kind, events.c.about, events.c.time, events.c.size)


class PublicEvents:
    """What visitors did, until the relay fetches it, in the table `public_event`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def add(self, kind: EventKind, about: str, octets: bytes = b"", *, once: bool = False) -> None:
        """Keep one for the relay. `once`: not where one of this kind about the same waits already."""
        now = int(self._clock())

        def write(connection: Connection) -> None:
            if once and _waits(connection, kind, about):
                return
            waiting = _make_room(connection, MOST[kind], len(octets), events.c.kind == kind.value)
            if kind is EventKind.ANSWER:
                most = _most_answers(*waiting, len(octets))
                _make_room(connection, most, len(octets), events.c.kind == kind.value, events.c.about == about)
            number = connection.execute(update(counter).values(number=counter.c.number + 1).returning(counter.c.number))
            connection.execute(
                insert(events),
                {
                    "number": number.scalar_one(),
                    "kind": kind.value,
                    "about": about,
                    "time": now,
                    "size": len(octets),
                    "octets": octets,
                },
            )

        await self._database.write(write)

    async def since(self, number: int, limit: int) -> list[PublicEvent]:
        """So many with a higher number, in their order."""
        wanted = select(*_FACTS).where(events.c.number > number).order_by(events.c.number).limit(limit)
        rows = await self._database.read(lambda c: c.execute(wanted).all())
        return [PublicEvent(row[0], EventKind(row[1]), row[2], row[3], row[4]) for row in rows]

    async def octets(self, number: int) -> bytes | None:
        """The octets of this event; None where it is gone."""
        wanted = select(events.c.octets).where(events.c.number == number)
        found = await self._database.read(lambda c: c.execute(wanted).scalar_one_or_none())
        return None if found is None else bytes(found)

    async def remove(self, number: int) -> bool:
        """Delete an event that the relay has taken; False where it was gone."""
        wanted = delete(events).where(events.c.number == number)
        return bool(await self._database.write(lambda c: c.execute(wanted).rowcount))


def _waits(connection: Connection, kind: EventKind, about: str) -> bool:
    wanted = select(events.c.number).where(events.c.kind == kind.value, events.c.about == about).limit(1)
    return connection.execute(wanted).first() is not None


def _most_answers(waiting: int, held: int, size: int) -> tuple[int, int]:
    """Answers and octets of one pick-up that may wait, with so many answers and octets of all, and one of this size."""
    number, octets = MOST[EventKind.ANSWER]
    if waiting < number // KEPT_FREE and held + size <= octets // KEPT_FREE:
        return MOST_ANSWERS
    return 1, (octets - held) // SHARE


def _make_room(
    connection: Connection, most: tuple[int, int], size: int, *among: ColumnElement[bool]
) -> tuple[int, int]:
    """How many wait among these, and their octets. Raises `Crowded` where one more of this size is more than may."""
    number, octets = most
    sums = select(func.count(), func.coalesce(func.sum(events.c.size), 0)).where(*among)
    waiting, held = connection.execute(sums).one()
    if waiting >= number or held + size > octets:
        raise Crowded("as many events wait for the relay as may")
    return int(waiting), int(held)
