"""Who was asked for a key, when, and how often without an answer. Raises `StoreError`."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, func, insert, select

from relay.model import Address
from relay.model.enrolment import Budget
from relay.store.database import Database
from relay.store.schema import invitations

DAY = 86400.0
EVERY = 7 * DAY
"""Seconds between two invitations of one address."""
MOST = 3
"""Invitations without an answer; then there is none for `SILENCE` seconds."""
SILENCE = 90 * DAY

_COLUMNS = invitations.c


class Invitations:
    """The table `invitation`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, address: Address, budget: Budget) -> bool:
        """Note that the address is invited now; False: it is not to be, or the day's budget is used up."""
        now = self._clock()

        def write(connection: Connection) -> bool:
            row = connection.execute(select(invitations).where(_COLUMNS.address == address.key)).one_or_none()
            number = 0 if row is None else row.number
            if row is not None and now < row.sent + (SILENCE if number >= MOST else EVERY):
                return False
            lately = select(func.count()).where(_COLUMNS.sent >= now - DAY)
            of_domain = connection.execute(lately.where(_COLUMNS.domain == address.domain)).scalar_one()
            if of_domain >= budget.domain or connection.execute(lately).scalar_one() >= budget.all:
                return False
            connection.execute(delete(invitations).where(_COLUMNS.address == address.key))
            values = {"address": address.key, "domain": address.domain, "sent": now}
            connection.execute(insert(invitations), {**values, "number": 1 if number >= MOST else number + 1})
            return True

        return await self._database.write(write)

    async def answered(self, address: Address) -> None:
        """The address gave a key: what was counted is forgotten."""
        await self._database.write(lambda c: c.execute(delete(invitations).where(_COLUMNS.address == address.key)))
