"""The console's own database: persons and sessions. It has nothing of the relay's store.

Tokens are kept as SHA-256, so that who reads the file cannot use them. Raises `StoreError`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, delete, insert, select, update

from relay.model.console import Person, Role
from relay.model.errors import StoreError
from relay.store.closing import Closing
from relay.store.console_schema import STEPS, persons, sessions
from relay.store.database import Database
from relay.store.migration import migrate

IDLE = 15 * 60
"""Seconds after which a session that was not used is over."""
LONGEST = 12 * 3600
"""Seconds after which a session is over, used or not."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a person logs in with."""

    password: str
    """Argon2's encoded hash; empty: none yet."""
    totp: str
    """The secret of RFC 6238, base32; empty: none yet."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody is logged in."""

    person: Person
    csrf: str
    """What each form of this session carries."""


@dataclass(frozen=True, slots=True)
class ConsoleStore(Closing):
    """Made by `open`, in the event loop that uses it."""

    database: Database
    clock: Callable[[], float] = time.time

    @classmethod
    async def open(cls, place: str | Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Open, or make, the database."""
        database = await Database.open(place, overwrite=True)
        try:
            await migrate(database, STEPS, after={})
        except StoreError:
            await database.close()
            raise
        return cls(database, clock)

    async def persons(self) -> list[Person]:
        """Everybody, by name."""
        rows = await self.database.read(lambda c: c.execute(select(persons).order_by(persons.c.name)).all())
        return [_person(row) for row in rows]

    async def person(self, name: str) -> tuple[Person, Secrets] | None:
        """Who has this name, with what they log in with."""
        row = await self.database.read(lambda c: c.execute(select(persons).where(persons.c.name == name)).one_or_none())
        return None if row is None else (_person(row), Secrets(row.password, row.totp))

    async def invite(self, name: str, role: Role | None, token: str, ends: float) -> bool:
        """Enrolment begins anew with this token: what they logged in with counts no more, and sessions end.

        With a role the person is made; False where that name is there already, or, without one, is not there.
        """
        fresh = {"password": "", "totp": "", "totp_used": 0, "enrolment": _hashed(token), "enrolment_ends": int(ends)}

        def work(connection: Connection) -> bool:
            there = connection.execute(select(persons.c.name).where(persons.c.name == name)).one_or_none() is not None
            if there is (role is not None):
                return False
            if role:
                connection.execute(insert(persons).values(name=name, role=role.value, enabled=True, **fresh))
            else:
                connection.execute(update(persons).where(persons.c.name == name).values(**fresh))
                connection.execute(delete(sessions).where(sessions.c.name == name))
            return True

        return await self.database.write(work)

    async def invited(self, token: str) -> Person | None:
        """Whose enrolment this token is for, if it has not ended."""
        row = await self.database.read(lambda c: c.execute(_invited(token, self.clock())).one_or_none())
        return None if row is None else _person(row)

    async def enrol(self, token: str, secrets: Secrets) -> bool:
        """They log in with these from now on, and the token is used up; False where it counts no more."""
        used = update(persons).where(persons.c.enrolment == _hashed(token), persons.c.enrolment_ends > self.clock())
        values = {"password": secrets.password, "totp": secrets.totp, "enrolment": b"", "enrolment_ends": 0}
        return await self.database.write(lambda c: c.execute(used.values(**values)).rowcount == 1)

    async def enable(self, name: str, *, enabled: bool) -> bool:
        """Let them in, or not; sessions end. False where nobody has that name."""

        def work(connection: Connection) -> bool:
            connection.execute(delete(sessions).where(sessions.c.name == name))
            changed = update(persons).where(persons.c.name == name).values(enabled=enabled)
            return connection.execute(changed).rowcount == 1

        return await self.database.write(work)

    async def use_step(self, name: str, step: int) -> bool:
        """Whether this time step of their second factor was not used yet; it is now (RFC 6238 section 5.2)."""
        used = update(persons).where(persons.c.name == name, persons.c.totp_used < step).values(totp_used=step)
        return await self.database.write(lambda c: c.execute(used).rowcount == 1)

    async def begin(self, person: Person, token: str, csrf: str) -> None:
        """Somebody is logged in. What is over is removed."""
        now = int(self.clock())
        values = {"name": person.name, "role": person.role.value, "csrf": csrf, "began": now, "seen": now}

        def work(connection: Connection) -> None:
            connection.execute(
                delete(sessions).where((sessions.c.seen < now - IDLE) | (sessions.c.began < now - LONGEST))
            )
            connection.execute(insert(sessions).values(token=_hashed(token), **values))

        await self.database.write(work)

    async def session(self, token: str) -> Session | None:
        """The session, used now; None where it is over, or the person is disabled or has another role since."""
        now, hashed = int(self.clock()), _hashed(token)
        wanted = (
            select(persons, sessions.c.csrf, sessions.c.seen)
            .join(sessions, sessions.c.name == persons.c.name)
            .where(sessions.c.token == hashed, persons.c.enabled, persons.c.role == sessions.c.role)
            .where(sessions.c.seen >= now - IDLE, sessions.c.began >= now - LONGEST)
        )
        row = await self.database.read(lambda c: c.execute(wanted).one_or_none())
        if row is None:
            return None
        if row.seen < now - 30:  # not a write for each request
            seen = update(sessions).where(sessions.c.token == hashed).values(seen=now)
            await self.database.write(lambda c: c.execute(seen))
        return Session(_person(row), row.csrf)

    async def end(self, token: str) -> None:
        """Log out."""
        await self.database.write(lambda c: c.execute(delete(sessions).where(sessions.c.token == _hashed(token))))


def _invited(token: str, now: float) -> Any:  # noqa: ANN401  SQLAlchemy's type of a row is long
    return select(persons).where(persons.c.enrolment == _hashed(token), persons.c.enrolment_ends > now)


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _person(row: Any) -> Person:  # noqa: ANN401  a row of any of the statements above
    return Person(row.name, Role(row.role), bool(row.enabled), bool(row.password))
