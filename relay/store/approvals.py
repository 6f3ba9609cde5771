"""Acts that one person has approved and that wait for a second person, each by the digest of the act.

Who approved what first, and who second, are rows of the trace's hash chain. Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from sqlalchemy import Connection, Select, delete, insert, select

from relay.model.console import Role
from relay.model.key_change import KeyChange
from relay.store import key_changes
from relay.store.database import Database
from relay.store.schema import approvals, persons

LASTS = 86400.0
"""Seconds for which an approval counts."""


class Approvals:
    """The open approvals. The second person uses one up."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def agree(self, digest: bytes, person: str, roles: Collection[Role], what: str, actor: str) -> str:
        """Approve as this person.

        Returns the other person who had approved, or an empty text where a second one is needed. Both approvals are
        used up then. Only an approval by somebody who is enabled, and has one of these roles now, counts. `what` is the
        act in words, for the trace.
        """
        now = self._clock()

        def work(connection: Connection) -> str:
            connection.execute(delete(approvals).where(approvals.c.given <= now - LASTS))
            first = connection.execute(_standing(digest, roles)).scalars().one_or_none()
            if first == person:
                return ""
            connection.execute(delete(approvals).where(approvals.c.digest == digest))
            if first is None:
                connection.execute(insert(approvals).values(digest=digest, person=person, given=now))
            step = f"second approval, the first was {first}'s" if first else "waits for a second person"
            key_changes.write(connection, [KeyChange(now, actor, what, "", "", step)])
            return first or ""

        return await self._database.write(work)

    async def given(self, digest: bytes, roles: Collection[Role]) -> str:
        """The name of the person whose approval waits for a second one; empty where there is none."""
        wanted = _standing(digest, roles).where(approvals.c.given > self._clock() - LASTS)
        return await self._database.read(lambda c: c.execute(wanted).scalars().one_or_none()) or ""


def _standing(digest: bytes, roles: Collection[Role]) -> Select[str]:
    found = select(approvals.c.person).join(persons, persons.c.name == approvals.c.person)
    return found.where(approvals.c.digest == digest, persons.c.enabled, persons.c.role.in_([*roles]))
