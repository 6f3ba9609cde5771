"""Who may use the console, and act by commands where a second person is needed: a record for each, with their logins.

Every change is a row of the trace's hash chain with who made it, in the transaction that makes it. What somebody logs
in with is not here but in the console's own database. Raises `StoreError`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from relay.model.console import NAME, Known, Person, Role, Way
from relay.model.key_change import KeyChange
from relay.store import key_changes
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
        found = await self._database.read(lambda c: _read(c, select(persons).order_by(persons.c.name)))
        return [each.person for each in found]

    async def one(self, name: str) -> Known | None:
        """The person with this name, in any case; None where there is none."""
        return await self._database.read(lambda c: _named(c, name))

    async def of_login(self, way: Way, subject: str) -> Known | None:
        """The person to whom this login belongs; None where there is none."""
        return await self._database.read(lambda c: _of_login(c, way, subject))

    async def invite(self, name: str, role: Role | None, token: str, ends: float, actor: str) -> bool:
        """A one-time link counts from now on, and what they logged in with before does not.

        With a role the person is made; False where that name is there already, or, without one, is not there.
        """
        fresh = {"enrolled": False, "enrolment": _hashed(token), "enrolment_ends": ends}

        def work(connection: Connection) -> bool:
            there = _named(connection, name)
            if (there is not None) is not (role is None):
                return False
            if role:
                _add(connection, name, role, "", fresh)
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
        return await self._database.read(lambda c: _only(c, wanted))

    async def enrolled(self, token: str) -> bool:
        """They have something to log in with: the link is used up; False where it counts no more."""

        def work(connection: Connection) -> bool:
            wanted = (persons.c.enrolment == _hashed(token), persons.c.enrolment_ends > self._clock())
            found = _only(connection, select(persons).where(*wanted, ~persons.c.enrolled))
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
            found = _named(connection, name)
            if found is None:
                return False
            if found.person.enabled is not enabled:
                changed = update(persons).where(persons.c.name == found.person.name)
                connection.execute(changed.values(enabled=enabled))
                self._note(connection, actor, found.person.name, f"user {'enabled' if enabled else 'disabled'}")
            return True

        return await self._database.write(work)

    async def link(self, name: str, way: Way, subject: str, actor: str) -> bool:
        """Record that this login is the person's. False where nobody has that name, or somebody else the login."""

        def work(connection: Connection) -> bool:
            found, owner = _named(connection, name), _of_login(connection, way, subject)
            if found is None or owner is not None:
                return found is not None and owner is not None and owner.person.name == found.person.name
            _link(connection, way, subject, found.person.name)
            self._note(connection, actor, found.person.name, f"login linked: {way} {subject}")
            return True

        return await self._database.write(work)

    async def unlink(self, name: str, way: Way, subject: str, actor: str) -> bool:
        """Remove this login from the person. False where it was not theirs."""

        def work(connection: Connection) -> bool:
            found = _of_login(connection, way, subject)
            if found is None or found.person.name.lower() != name.lower():
                return False
            connection.execute(
                delete(person_logins).where(person_logins.c.way == way.value, person_logins.c.subject == subject)
            )
            self._note(connection, actor, found.person.name, f"login unlinked: {way} {subject}")
            return True

        return await self._database.write(work)

    async def met(self, way: Way, subject: str, name: str, role: Role) -> Known | None:
        """Who has just logged in elsewhere, whose groups there give this role; a new person where nobody has it.

        None where the name is somebody's whose login this is not: an administrator says whether they are one person.
        The role of who was made so follows the groups; the one that an administrator gave stays.
        """

        def work(connection: Connection) -> Known | None:
            found = _of_login(connection, way, subject)
            if found is None:
                if _named(connection, name):
                    return None
                _add(connection, name, role, way.value, {"enrolled": False, "enrolment_ends": 0.0})
                _link(connection, way, subject, name)
                self._note(connection, way.value, name, f"user added: {role.value}, {way} {subject}")
            elif found.person.role is not role and _follows(connection, found.person.name, way):
                changed = update(persons).where(persons.c.name == found.person.name)
                connection.execute(changed.values(role=role.value))
                self._note(connection, way.value, found.person.name, f"role changed: {role.value}")
            return _of_login(connection, way, subject)

        return await self._database.write(work)

    def _note(self, connection: Connection, actor: str, name: str, reason: str) -> None:
        key_changes.write(connection, [KeyChange(self._clock(), actor, SUBJECT.format(name), "", "", reason)])


def _add(connection: Connection, name: str, role: Role, way: str, fresh: dict[str, Any]) -> None:
    values = {"enrolment": secrets.token_bytes(32), **fresh}
    connection.execute(insert(persons).values(name=name, role=role.value, enabled=True, way=way, **values))


def _link(connection: Connection, way: Way, subject: str, name: str) -> None:
    connection.execute(insert(person_logins).values(way=way.value, subject=subject, name=name))


def _follows(connection: Connection, name: str, way: Way) -> bool:
    return bool(connection.execute(select(persons.c.way).where(persons.c.name == name)).scalar_one() == way.value)


def _named(connection: Connection, name: str) -> Known | None:
    """None as well for what no name can be: databases differ in the texts that they take."""
    if not NAME.fullmatch(name):
        return None
    return _only(connection, select(persons).where(func.lower(persons.c.name) == name.lower()))


def _of_login(connection: Connection, way: Way, subject: str) -> Known | None:
    if not subject.isprintable():  # as in `_named`: nobody has been given such a login
        return None
    logins = (person_logins.c.way == way.value, person_logins.c.subject == subject)
    wanted = select(persons).join(person_logins, person_logins.c.name == persons.c.name).where(*logins)
    return _only(connection, wanted)


def _only(connection: Connection, wanted: Any) -> Known | None:  # noqa: ANN401  SQLAlchemy's type of a query is long
    found = _read(connection, wanted)
    return found[0] if len(found) == 1 else None


def _read(connection: Connection, wanted: Any) -> Sequence[Known]:  # noqa: ANN401  as above
    rows = connection.execute(wanted).all()
    logins: dict[str, list[tuple[Way, str]]] = {}
    for way, subject, name in connection.execute(select(person_logins).order_by(*person_logins.primary_key)):
        logins.setdefault(name, []).append((Way(way), subject))
    return [
        Known(
            Person(row.name, Role(row.role), bool(row.enabled), bool(row.enrolled), tuple(logins.get(row.name, ()))),
            bytes(row.enrolment).hex(),
        )
        for row in rows
    ]


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
