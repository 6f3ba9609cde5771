"""Challenges of keys that were sent in, and how many there were lately. Raises `StoreError`."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, func, insert, select, update

from relay.model import Address
from relay.model.enrolment import Budget, Enrolment
from relay.store.database import Database
from relay.store.schema import enrolments

DAY = 86400.0
_COLUMNS = enrolments.c


class Enrolments:
    """Open challenges to who sent in a key, in the table `enrolment`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, one: Enrolment, budget: Budget) -> bool:
        """Keep an open challenge, in place of an earlier one for the same address; False: the day's budget is used up.

        What is beyond the budget is not kept, so that strangers fill no disk. What is older than a day goes.
        """

        def write(connection: Connection) -> bool:
            since = one.asked - DAY
            over = (_COLUMNS.asked < since) & (_COLUMNS.expires < one.asked)
            connection.execute(delete(enrolments).where(over))
            if not _within(connection, one.address, since, budget):
                return False
            same = (_COLUMNS.address == one.address.key, _COLUMNS.data != b"")
            connection.execute(update(enrolments).where(*same).values(data=b""))
            connection.execute(insert(enrolments), _row(one))
            return True

        return await self._database.write(write)

    async def open(self, challenge: str) -> Enrolment | None:
        """The challenge with this digest that is neither over nor answered."""
        wanted = select(enrolments).where(
            _COLUMNS.challenge == challenge, _COLUMNS.expires > self._clock(), _COLUMNS.data != b""
        )
        row = await self._database.read(lambda c: c.execute(wanted).one_or_none())
        if row is None:
            return None
        return Enrolment(
            row.challenge,
            Address(row.address_text),
            row.fingerprint,
            bytes(row.data),
            row.asked,
            row.expires,
            row.way,
        )

    async def take_back(self, challenge: str) -> None:
        """It did not leave, and counts for nothing."""
        await self._database.write(lambda c: c.execute(delete(enrolments).where(_COLUMNS.challenge == challenge)))

    async def close(self, challenge: str) -> None:
        """It is over. That there was one stays known for a day, for the budget."""
        wanted = update(enrolments).where(_COLUMNS.challenge == challenge).values(data=b"")
        await self._database.write(lambda c: c.execute(wanted))


def _within(connection: Connection, address: Address, since: float, budget: Budget) -> bool:
    lately = select(func.count()).where(_COLUMNS.asked >= since)
    counts = (
        (lately.where(_COLUMNS.address == address.key), budget.address),
        (lately.where(_COLUMNS.domain == address.domain), budget.domain),
        (lately, budget.all),
    )
    return all(connection.execute(counted).scalar_one() < most for counted, most in counts)


def _row(one: Enrolment) -> dict[str, object]:
    return {
        "challenge": one.challenge,
        "address": one.address.key,
        "address_text": one.address.text,
        "domain": one.address.domain,
        "fingerprint": one.fingerprint,
        "data": one.certificate,
        "asked": one.asked,
        "expires": one.expires,
        "way": one.way,
    }
