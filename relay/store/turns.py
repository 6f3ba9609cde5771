"""Which transactions this process has in hand, over all machines: an advisory lock for each, in a session of its own.

The server frees the locks of a process that dies, and of one that has said nothing for `SILENT_SECONDS`: it stands
still, or its network is cut. Such a process may go on later; so `holds` is true only as long as the server cannot have
ended the session yet. A session does not survive a failover: what was in hand then is in nobody's hand.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from relay.model.errors import StoreError
from relay.store import sqlstate
from relay.store.batch import Batch
from relay.store.session import Connection, Sessions, said

SILENT_SECONDS = 8.0
"""After so long without a word the server ends the session."""
BEAT = 2.0
MARGIN = 1.0
"""Seconds before that in which this process no longer relies on its locks."""
ANSWER_SECONDS = 2.5
"""A session that is silent for so long is given up."""

_TAKE = """SELECT place, pg_try_advisory_lock(place), current_setting('transaction_read_only') = 'on'
    FROM unnest($1::bigint[]) AS place"""
_FREE = "SELECT pg_advisory_unlock(place) FROM unnest($1::bigint[]) AS place"
_WHO = "SELECT pg_backend_pid()"


@dataclass(slots=True)
class _Session:
    connection: Connection
    pid: int
    safe_until: float
    """On the clock that also counts while the machine sleeps."""
    taken: set[int] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The driver runs one statement at a time."""

    def is_safe(self) -> bool:
        return _now() < self.safe_until and not self.connection.is_closed()


class Turns:
    """`try_take` a place, and `give_back`; `close` at the end."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._session: _Session | None = None
        self._opening = asyncio.Lock()
        self._asked: Batch[int, bool] = Batch(self._take)
        self._returned: Batch[tuple[_Session, int], None] = Batch(self._free)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self, transaction_pid: Callable[[], Awaitable[int]]) -> None:
        """Begin; `transaction_pid` tells which process of the server runs a transaction of another connection.

        Raises `StoreError` where that is this session's: then a pooler lends one session to several, and locks do not
        last.
        """
        session = await self._ready()
        if await transaction_pid() == session.pid:
            await self.close()
            raise StoreError(sqlstate.TRANSACTION_POOLING)

    async def try_take(self, place: int) -> bool:
        """Take the place, a number of 63 bits; False where another process has it."""
        asked = asyncio.ensure_future(self._asked.do(place))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(lambda done: self._give_up(done, place))
            raise

    def give_back(self, place: int) -> None:
        """Others may take it."""
        session = self._session
        if session is not None and place in session.taken:
            session.taken.discard(place)
            self._begin(self._returned.do((session, place)))

    def holds(self, place: int) -> bool:
        """Whether nobody else can have it now."""
        session = self._session
        return session is not None and place in session.taken and session.is_safe()

    async def close(self) -> None:
        """Give back all of them."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await session.connection.close(timeout=1)

    async def _take(self, places: Sequence[int]) -> list[bool]:
        session = await self._ready()
        rows = await self._say(session, _TAKE, list(places))
        if any(read_only for _, _, read_only in rows):  # found out before a mail is handed over, and not after it
            self._lose(session)
            raise StoreError(sqlstate.IS_READ_ONLY)
        taken = {place for place, is_taken, _ in rows if is_taken}
        session.taken |= taken
        return [place in taken for place in places]

    async def _free(self, returned: Sequence[tuple[_Session, int]]) -> list[None]:
        here = [place for session, place in returned if session is self._session]
        if here and self._session is not None:
            with suppress(StoreError):  # with the session the locks are gone
                await self._say(self._session, _FREE, here)
        return [None] * len(returned)

    async def _ready(self) -> _Session:
        async with self._opening:
            if self._session is None or self._session.connection.is_closed():
                self._session = await self._opened()
                self._begin(self._beat(self._session))
            return self._session

    async def _opened(self) -> _Session:
        begun = _now()
        idle = {"idle_session_timeout": f"{SILENT_SECONDS * 1000:.0f}"}
        connection = await self._sessions.connect(more=idle)
        session = _Session(connection, 0, begun + SILENT_SECONDS - MARGIN)
        session.pid = (await self._say(session, _WHO))[0][0]
        return session

    async def _beat(self, session: _Session) -> None:
        while not session.connection.is_closed():
            await asyncio.sleep(BEAT)
            try:
                ((pid,),) = await self._say(session, _WHO)
            except StoreError:
                return
            if pid != session.pid:
                self._lose(session)

    async def _say(self, session: _Session, statement: str, *values: object) -> Sequence[Any]:
        async with session.turn:
            begun = _now()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    rows: Sequence[Any] = await session.connection.fetch(statement, *values)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                self._lose(session)
                raise StoreError(said(error)) from None
            except asyncio.CancelledError:
                self._lose(session)
                raise
            session.safe_until = begun + SILENT_SECONDS - MARGIN
            return rows

    def _lose(self, session: _Session) -> None:
        session.connection.terminate()
        session.taken.clear()
        if self._session is session:
            self._session = None

    def _give_up(self, asked: asyncio.Future[bool], place: int) -> None:
        if not asked.cancelled() and asked.exception() is None and asked.result():
            self.give_back(place)

    def _begin(self, work: Any) -> None:  # noqa: ANN401  a coroutine of any result
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: `_say` has dealt with it


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
