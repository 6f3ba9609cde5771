"""Who may use the console, and act by commands where a second person is needed: a record for each, with their logins.

Every change is a row of the trace's hash chain with who made it, in the transaction that makes it. What somebody logs
in with is not here but in the console's own database. Raises `StoreError`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, select, update

from relay.model.console import Known, Person, Role, Way
from relay.model.key_change import KeyChange
from relay.store import key_changes, person_queries
from relay.store.database import Database
from relay.store.schema import person_logins, persons

SUBJECT = "console:{}"
"""How a person is written in the trace's column of addresses."""


class Persons:
    """The table of persons, read for each page."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> list[Person]:
        """All persons, sorted by their names."""
        found = await self._database.read(lambda c: person_queries.read(c, select(persons).order_by(persons.c.name)))
        return [each.person for each in found]

    async def one(self, name: str) -> Known | None:
        """The person with this name, in any case; None where there is none."""
        return await self._database.read(lambda c: person_queries.named(c, name))

    async def of_login(self, way: Way, subject: str) -> Known | None:
        """The person to whom this login belongs; None where there is none."""
        return await self._database.read(lambda c: person_queries.of_login(c, way, subject))

    async def invite(self, name: str, role: Role | None, token: str, ends: float, actor: str) -> bool:
        """A one-time link counts from now on, and what they logged in with before does not.

        With a role the person is made; False where that name is there already, or, without one, is not there.
        """
        fresh = {"enrolled": False, "enrolment": _hashed(token), "enrolment_ends": ends}

        def work(connection: Connection) -> bool:
            there = person_queries.named(connection, name)
            if (there is not None) is not (role is None):
                return False
            if role:
                person_queries.add(connection, name, role, "", fresh)
            elif there:
                connection.execute(update(persons).where(persons.c.name == there.person.name).values(**fresh))
            self._note(connection, actor, name, f"user added: {role.value}" if role else "user reset")
            return True

        return await self._database.write(work)

    async def invited(self, token: str) -> Known | None:
        """The person of this link, if it has not expired and was not used; else None."""
        wanted = select(persons).where(
            persons.c.enrolment == _hashed(token), persons.c.enrolment_ends > self._clock(), ~persons.c.enrolled
        )
        return await self._database.read(lambda c: person_queries.only(c, wanted))

    async def enrolled(self, token: str) -> bool:
        """They have something to log in with: the link is used up; False where it counts no more."""

        def work(connection: Connection) -> bool:
            wanted = (persons.c.enrolment == _hashed(token), persons.c.enrolment_ends > self._clock())
            found = person_queries.only(connection, select(persons).where(*wanted, ~persons.c.enrolled))
            if found is None:
                return False
            name = found.person.name
            connection.execute(update(persons).where(persons.c.name == name).values(enrolled=True))
            self._note(connection, SUBJECT.format(name), name, "user enrolled")
            return True

        return await self._database.write(work)

    async def enable(self, name: str, actor: str, *, enabled: bool) -> bool:
        """Enable or disable a person. False where nobody has that name."""

        def work(connection: Connection) -> bool:
            found = person_queries.named(connection, name)
            if found is None:
                return False
            if found.person.enabled is not enabled:
                changed = update(persons).where(persons.c.name == found.person.name)
                connection.execute(changed.values(enabled=enabled))
                person_queries.end_sessions(connection, found.person.name)
                self._note(connection, actor, found.person.name, f"user {'enabled' if enabled else 'disabled'}")
            return True

        return await self._database.write(work)

    async def link(self, name: str, way: Way, subject: str, actor: str) -> bool:
        """Record that this login is the person's. False where nobody has that name, or somebody else the login."""

        def work(connection: Connection) -> bool:
            found, owner = person_queries.named(connection, name), person_queries.of_login(connection, way, subject)
            if found is None or owner is not None:
                return found is not None and owner is not None and owner.person.name == found.person.name
            person_queries.link(connection, way, subject, found.person.name)
            self._note(connection, actor, found.person.name, f"login linked: {way} {subject}")
            return True

        return await self._database.write(work)

    async def unlink(self, name: str, way: Way, subject: str, actor: str) -> bool:
        """Remove this login from the person, and end their sessions. False where it was not theirs."""

        def work(connection: Connection) -> bool:
            found = person_queries.of_login(connection, way, subject)
            if found is None or found.person.name.lower() != name.lower():
                return False
            connection.execute(
                delete(person_logins).where(person_logins.c.way == way.value, person_logins.c.subject == subject)
            )
            if way is not Way.SUDO:  # which begins no session
                person_queries.end_sessions(connection, found.person.name)
            self._note(connection, actor, found.person.name, f"login unlinked: {way} {subject}")
            return True

        return await self._database.write(work)

    async def met(self, way: Way, subject: str, name: str, role: Role) -> Known | None:
        """Who has just logged in elsewhere, whose groups there give this role; a new person where nobody has it.

        None where the name is somebody's whose login this is not: an administrator says whether they are one person.
        The role of who was made so follows the groups; the one that an administrator gave stays.
        """

        def work(connection: Connection) -> Known | None:
            found = person_queries.of_login(connection, way, subject)
            if found is None:
                if person_queries.named(connection, name):
                    return None
                person_queries.add(connection, name, role, way.value, {"enrolled": False, "enrolment_ends": 0.0})
                person_queries.link(connection, way, subject, name)
                self._note(connection, way.value, name, f"user added: {role.value}, {way} {subject}")
            elif found.person.role is not role and person_queries.follows(connection, found.person.name, way):
                changed = update(persons).where(persons.c.name == found.person.name)
                connection.execute(changed.values(role=role.value))
                person_queries.end_sessions(connection, found.person.name)
                self._note(connection, way.value, found.person.name, f"role changed: {role.value}")
            return person_queries.of_login(connection, way, subject)

        return await self._database.write(work)

    def _note(self, connection: Connection, actor: str, name: str, reason: str) -> None:
        key_changes.write(connection, [KeyChange(self._clock(), actor, SUBJECT.format(name), "", "", reason)])


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
