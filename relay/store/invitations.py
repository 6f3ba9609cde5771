"""Who was asked for a key, when, how often without an answer, and who refused. Raises `StoreError`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

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
    """Who was invited to send in a key, and when, in the table `invitation`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, address: Address, token: str, budget: Budget) -> bool:
        """Note that the address is invited now; False: it is not to be, or the day's budget is used up.

        `token` is SHA-256, in hexadecimal, of the one with which it can refuse.
        """
        now = self._clock()

        def write(connection: Connection) -> bool:
            row = connection.execute(_of(address)).one_or_none()
            number = 0 if row is None else row.number
            if row is not None and (row.refused or now < row.sent + (SILENCE if number >= MOST else EVERY)):
                return False
            lately = select(func.count()).where(_COLUMNS.sent >= now - DAY)
            of_domain = connection.execute(lately.where(_COLUMNS.domain == address.domain)).scalar_one()
            if of_domain >= budget.domain or connection.execute(lately).scalar_one() >= budget.all:
                return False
            connection.execute(delete(invitations).where(_COLUMNS.address == address.key))
            values = {"address": address.key, "domain": address.domain, "sent": now, "token": token, "refused": False}
            connection.execute(insert(invitations), {**values, "number": 1 if number >= MOST else number + 1})
            return True

        return await self._database.write(write)

    async def asked(self, address: Address) -> bool:
        """Whether it was invited within the last week, and has not refused."""
        row = await self._database.read(lambda c: c.execute(_of(address)).one_or_none())
        return row is not None and not row.refused and self._clock() < row.sent + EVERY

    async def take_back(self, address: Address, token: str) -> None:
        """The invitation with this token did not leave."""
        wanted = (_COLUMNS.address == address.key, _COLUMNS.token == token, _COLUMNS.refused.is_(False))
        await self._database.write(lambda c: c.execute(delete(invitations).where(*wanted)))

    async def refuse(self, token: str) -> Address | None:
        """The address that was given this token is never invited again; None: nobody was given it."""
        wanted = select(_COLUMNS.address).where(_COLUMNS.token == token)

        def write(connection: Connection) -> Address | None:
            key: str | None = connection.execute(wanted).scalar_one_or_none()
            connection.execute(update(invitations).where(_COLUMNS.token == token).values(refused=True))
            return None if key is None else Address(key)

        return await self._database.write(write)

    async def answered(self, address: Address) -> None:
        """The address sent a key: reset its count. A refusal stays in force."""
        wanted = (_COLUMNS.address == address.key, _COLUMNS.refused.is_(False))
        await self._database.write(lambda c: c.execute(delete(invitations).where(*wanted)))


def _of(address: Address) -> Select[tuple[Any, ...]]:
    return select(invitations).where(_COLUMNS.address == address.key)
