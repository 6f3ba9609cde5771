"""The relay's own record of pick-ups, and codes that were given beforehand, encrypted. Raises `StoreError`.

Preset codes are stored encrypted; the codes of pick-ups are not stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, or_, select, update

from relay.model import Address
from relay.model.pickup import Pickup, PickupState
from relay.store.database import Database
from relay.store.schema import pickup_presets, pickups

_COLUMNS = (
    pickups.c.id,
    pickups.c.mail,
    pickups.c.recipient_text,
    pickups.c.sender,
    pickups.c.created,
    pickups.c.expires,
    pickups.c.size,
    pickups.c.proof,
    pickups.c.message_id,
    pickups.c.state,
    pickups.c.opened,
    pickups.c.warned,
)


class Pickups:
    """The tables `pickup` and `pickup_preset`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def of(self, transaction: bytes, recipient: Address) -> Pickup | None:
        """What an earlier attempt at this mail has made for this recipient."""
        wanted = select(*_COLUMNS).where(
            pickups.c.mail == transaction, pickups.c.recipient == recipient.key, pickups.c.state.in_(_OPEN)
        )
        row = await self._database.read(lambda c: c.execute(wanted).first())
        return None if row is None else _pickup(row)

    async def get(self, id_: str) -> Pickup | None:
        """The one with this id."""
        row = await self._database.read(lambda c: c.execute(select(*_COLUMNS).where(pickups.c.id == id_)).one_or_none())
        return None if row is None else _pickup(row)

    async def all(self) -> list[Pickup]:
        """All pick-ups of which somebody was told, the newest first."""
        wanted = select(*_COLUMNS).where(pickups.c.state != PickupState.INACTIVE.value)
        rows = await self._database.read(lambda c: c.execute(wanted.order_by(pickups.c.created.desc())).all())
        return [_pickup(row) for row in rows]

    async def unread(self, now: float) -> int:
        """How many can be opened and were not."""
        wanted = select(func.count()).where(
            pickups.c.state == PickupState.ACTIVE.value, pickups.c.expires > now, pickups.c.opened.is_(None)
        )
        return int(await self._database.read(lambda c: c.execute(wanted).scalar_one()))

    async def ending(self, before: float) -> list[Pickup]:
        """Those that end before this time and still are on the public service, or may be."""
        wanted = select(*_COLUMNS).where(pickups.c.expires < before, pickups.c.state.in_(_OPEN))
        return [_pickup(row) for row in await self._database.read(lambda c: c.execute(wanted).all())]

    async def put(self, one: Pickup) -> None:
        """Write it down, in place of what had its id."""

        def write(connection: Connection) -> None:
            connection.execute(delete(pickups).where(pickups.c.id == one.id))
            connection.execute(insert(pickups), _row(one))

        await self._database.write(write)

    async def activate(self, one: Pickup) -> None:
        """It may be opened, and the code that its recipient was given beforehand is used."""

        def write(connection: Connection) -> None:
            _change(connection, one.id, state=PickupState.ACTIVE.value)
            connection.execute(delete(pickup_presets).where(pickup_presets.c.recipient == one.recipient.key))

        await self._database.write(write)

    async def change(self, id_: str, **values: Any) -> bool:  # noqa: ANN401  values of columns
        """Store other values for the pick-up with this id; False where there is none."""
        return await self._database.write(lambda c: _change(c, id_, **values))

    async def mark_opened(self, id_: str, at: float) -> bool:
        """Somebody has opened it; False where that is known."""
        wanted = update(pickups).where(pickups.c.id == id_, pickups.c.opened.is_(None)).values(opened=at)
        return bool(await self._database.write(lambda c: c.execute(wanted).rowcount))

    async def answers(self, one: Pickup, day: int) -> tuple[int, int, int]:
        """How many answers were counted on this day: to it, by its recipient to its sender, and to its sender in all.

        Where nodes share the store, another one's clock may be ahead at midnight: what it counted on the next day
        counts on this day too.
        """
        sender = one.sender.text if one.sender else ""
        of_one = func.sum(case((pickups.c.id == one.id, pickups.c.answers), else_=0))
        of_reader = func.sum(case((pickups.c.recipient == one.recipient.key, pickups.c.answers), else_=0))
        sums = (func.coalesce(each, 0) for each in (of_one, of_reader, func.sum(pickups.c.answers)))
        wanted = select(*sums).where(pickups.c.answered.in_((day, day + 1)), pickups.c.sender == sender)
        row = await self._database.read(lambda c: c.execute(wanted).one())
        return int(row[0]), int(row[1]), int(row[2])

    async def count_answer(self, id_: str, day: int) -> None:
        """One more answer to it on this day, or on the next one where a node whose clock is ahead has begun that."""
        begun = pickups.c.answered == day + 1
        counted = case((or_(begun, pickups.c.answered == day), pickups.c.answers), else_=0)
        await self.change(id_, answers=counted + 1, answered=case((begun, day + 1), else_=day))

    async def prune(self, before: float) -> None:
        """Forget those that ended before this time."""
        await self._database.write(lambda c: c.execute(delete(pickups).where(pickups.c.expires < before)))

    async def set_preset(self, recipient: Address, code: bytes, expires: float) -> None:
        """A code, encrypted, that this recipient was given, in place of an earlier one."""

        def write(connection: Connection) -> None:
            over = pickup_presets.c.expires <= self._clock()
            connection.execute(delete(pickup_presets).where(or_(pickup_presets.c.recipient == recipient.key, over)))
            row = {"recipient": recipient.key, "code": code, "expires": expires}
            connection.execute(insert(pickup_presets), row)

        await self._database.write(write)

    async def preset(self, recipient: Address) -> bytes | None:
        """The code, encrypted, that this recipient was given and has not used."""
        wanted = select(pickup_presets.c.code).where(
            pickup_presets.c.recipient == recipient.key, pickup_presets.c.expires > self._clock()
        )
        found = await self._database.read(lambda c: c.execute(wanted).scalar_one_or_none())
        return None if found is None else bytes(found)


_OPEN = (PickupState.INACTIVE.value, PickupState.ACTIVE.value)


def _change(connection: Connection, id_: str, **values: Any) -> bool:  # noqa: ANN401  values of columns
    return bool(connection.execute(update(pickups).where(pickups.c.id == id_).values(**values)).rowcount)


def _row(one: Pickup) -> dict[str, object]:
    return {
        "id": one.id,
        "mail": one.transaction,
        "recipient": one.recipient.key,
        "recipient_text": one.recipient.text,
        "sender": one.sender.text if one.sender else "",
        "created": one.created,
        "expires": one.expires,
        "size": one.size,
        "proof": one.proof,
        "message_id": one.message_id,
        "state": one.state.value,
        "opened": one.opened,
        "warned": one.warned,
        "answers": 0,
        "answered": 0,
    }


def _pickup(row: Sequence[Any]) -> Pickup:
    id_, transaction, recipient, sender, created, expires, size, proof, message_id, state, opened, warned = row
    return Pickup(
        id=id_,
        transaction=bytes(transaction),
        recipient=Address(recipient),
        sender=Address(sender) if sender else None,
        created=created,
        expires=expires,
        size=size,
        proof=bytes(proof),
        message_id=message_id,
        state=PickupState(state),
        opened=opened,
        warned=warned,
    )
