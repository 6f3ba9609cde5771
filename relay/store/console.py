"""The console's own database: what people log in with, sessions, and logins under way. Nothing of the relay's store.

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

from relay.model.errors import StoreError
from relay.store.closing import Closing
from relay.store.console_schema import STEPS, attempts, passkeys, passwords, sessions
from relay.store.database import Database
from relay.store.faults import translated
from relay.store.migration import migrate

IDLE = 15 * 60.0
"""Seconds after which a session that was not used is over, where the configuration does not say otherwise."""
LONGEST = 12 * 3600
"""Seconds after which a session is over, used or not."""
SEEN_EVERY = 30
"""Seconds between two writes of when a session was used."""
ATTEMPT = 600
"""Seconds in which a login that was begun has to end."""
MOST_ATTEMPTS = 10_000


@dataclass(frozen=True, slots=True)
class Secrets:
    """A password and its second factor."""

    password: str
    """Argon2's encoded hash."""
    totp: str
    """The secret of RFC 6238, base32."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """What is known of a passkey: nothing of it is secret."""

    id: bytes
    name: str
    generation: str
    public_key: bytes
    used: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session that was begun; the relay decides whether the person may still be logged in."""

    name: str
    generation: str
    """`Known.session` when it began."""
    role: str
    csrf: str
    """What each form of this session carries."""
    login: str = ""
    """The login elsewhere by which it began, which has to be theirs still; empty: what they have set at the console."""


@dataclass(frozen=True, slots=True)
class ConsoleStore(Closing):
    """Made by `open`, in the event loop that uses it."""

    database: Database
    clock: Callable[[], float] = time.time
    idle: float = IDLE

    @classmethod
    async def open(cls, place: str | Path, *, clock: Callable[[], float] = time.time, idle: float = IDLE) -> Self:
        """Open, or make, the database, and the folder of a file."""
        if isinstance(place, Path):
            with translated():
                place.parent.mkdir(mode=0o700, exist_ok=True)
        database = await Database.open(place, overwrite=True)
        try:
            await migrate(database, STEPS, after={})
        except StoreError:
            await database.close()
            raise
        return cls(database, clock, idle)

    async def set_password(self, name: str, generation: str, secrets: Secrets) -> None:
        """They log in with these from now on."""
        values = {"password": secrets.password, "totp": secrets.totp, "totp_used": 0, "generation": generation}

        def work(connection: Connection) -> None:
            connection.execute(delete(passwords).where(passwords.c.name == name))
            connection.execute(insert(passwords).values(name=name, **values))

        await self.database.write(work)

    async def password(self, name: str, generation: str) -> Secrets | None:
        """The password and second factor of that enrolment; None: there are none."""
        wanted = select(passwords).where(passwords.c.name == name, passwords.c.generation == generation)
        row = await self.database.read(lambda c: c.execute(wanted).one_or_none())
        return None if row is None else Secrets(row.password, row.totp)

    async def use_step(self, name: str, step: int) -> bool:
        """Whether this time step of their second factor was not used yet; it is now (RFC 6238 section 5.2)."""
        used = update(passwords).where(passwords.c.name == name, passwords.c.totp_used < step).values(totp_used=step)
        return await self.database.write(lambda c: c.execute(used).rowcount == 1)

    async def add_passkey(self, passkey: Passkey) -> None:
        """They log in with it from now on; those of an earlier enrolment go. Raises `StoreError` for one known."""
        values = {name: getattr(passkey, name) for name in Passkey.__slots__}
        old = (passkeys.c.name == passkey.name) & (passkeys.c.generation != passkey.generation)

        def work(connection: Connection) -> None:
            connection.execute(delete(passkeys).where(old))
            connection.execute(insert(passkeys).values(**values))

        await self.database.write(work)

    async def passkey(self, id_: bytes) -> Passkey | None:
        """The one with this id."""
        row = await self.database.read(lambda c: c.execute(select(passkeys).where(passkeys.c.id == id_)).one_or_none())
        return (
            None if row is None else Passkey(bytes(row.id), row.name, row.generation, bytes(row.public_key), row.used)
        )

    async def use_passkey(self, passkey: Passkey, count: int) -> bool:
        """Note its counter; False where somebody else has used it meanwhile."""
        same = (passkeys.c.id == passkey.id, passkeys.c.used == passkey.used)
        return await self.database.write(
            lambda c: c.execute(update(passkeys).where(*same).values(used=count)).rowcount == 1
        )

    async def begin(self, token: str, session: Session) -> None:
        """Somebody is logged in. What is over is removed."""
        now = int(self.clock())
        values = {name: getattr(session, name) for name in Session.__slots__}

        def work(connection: Connection) -> None:
            over = (sessions.c.seen < now - self.idle) | (sessions.c.began < now - LONGEST)
            connection.execute(delete(sessions).where(over))
            connection.execute(insert(sessions).values(token=_hashed(token), began=now, seen=now, **values))

        await self.database.write(work)

    async def session(self, token: str) -> Session | None:
        """The session, used now; None where it is over."""
        now, hashed = int(self.clock()), _hashed(token)
        alive = (sessions.c.seen >= now - self.idle, sessions.c.began >= now - LONGEST)
        wanted = select(sessions).where(sessions.c.token == hashed, *alive)
        row = await self.database.read(lambda c: c.execute(wanted).one_or_none())
        if row is None:
            return None
        if row.seen < now - min(SEEN_EVERY, self.idle / 4):  # not a write for each request
            seen = update(sessions).where(sessions.c.token == hashed).values(seen=now)
            await self.database.write(lambda c: c.execute(seen))
        return Session(row.name, row.generation, row.role, row.csrf, row.login)

    async def end(self, token: str) -> None:
        """Delete the session with this token, if there is one."""
        await self.database.write(lambda c: c.execute(delete(sessions).where(sessions.c.token == _hashed(token))))

    async def attempt(self, token: str, way: str, value: str) -> None:
        """A login begins. What is over is removed, and of too many the oldest."""
        now = int(self.clock())
        newest = select(attempts.c.token).order_by(attempts.c.began.desc()).limit(MOST_ATTEMPTS - 1)

        def work(connection: Connection) -> None:
            kept = attempts.c.token.in_(newest)
            connection.execute(delete(attempts).where((attempts.c.began < now - ATTEMPT) | ~kept))
            connection.execute(insert(attempts).values(token=_hashed(token), way=way, value=value, began=now))

        await self.database.write(work)

    async def attempted(self, token: str, way: str) -> str | None:
        """What was noted when that login began, once; None where there is none or it is over."""
        same = (attempts.c.token == _hashed(token), attempts.c.way == way)

        def work(connection: Connection) -> Any:  # noqa: ANN401  a row
            row = connection.execute(select(attempts).where(*same)).one_or_none()
            connection.execute(delete(attempts).where(*same))
            return row

        row = await self.database.write(work)
        return None if row is None or row.began < self.clock() - ATTEMPT else str(row.value)


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
