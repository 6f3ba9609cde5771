"""Advisory locks for the transactions that this process handles, over all machines, in a separate session.

The server frees the locks of a process that dies, and of one that has said nothing for `SILENT_SECONDS`: it hangs, or
its network is cut. Such a process may go on later; so `holds` is true only as long as the server cannot have ended the
session yet, and has answered what it was asked: one that does not may be gone, and another in its place. A session does
not survive a failover: the locks are lost with it. A server that is slow to answer still has the locks, and so has one
that refuses a statement, and a mail that is being handed over needs its lock until the end. So the old session is left
open for such mails, and all others use a new one. `lost` is told when a session ends all the same while mails are in
hand: how many.

Taking a transaction also returns the recipients that the ledger has as served. The server may be far away: places that
are taken and given back at the same time, and the ledger of those that are taken, share one round trip.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg

from relay.model.errors import StoreError
from relay.store import sqlstate, turn_round
from relay.store.batch import Batch
from relay.store.ledger import StoredLedger
from relay.store.session import Connection, Sessions, said
from relay.store.state_tokens import StateTokens
from relay.store.turn_round import Taking

SILENT_SECONDS = 8.0
"""After so long without a word the server ends the session."""
BEAT = 2.0
MARGIN = 1.0
"""Seconds before that in which this process no longer relies on its locks."""
ANSWER_SECONDS = 2.5
"""If the server takes longer to answer, the session is asked nothing more."""

_WHO = "SELECT pg_backend_pid()"
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""The third is what the driver says after the server has ended an idle session (SQLSTATE 57P05)."""


@dataclass(slots=True)
class _Session:
    connection: Connection
    pid: int
    safe_until: float
    """On the clock that also counts while the machine sleeps."""
    is_silent: bool = False
    """The server has not answered in time, and not since."""
    taken: Counter[int] = field(default_factory=Counter)
    """How often each place is locked: an attempt may come again before the lock of one that gave up is released."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """The driver runs one statement at a time."""

    def is_safe(self) -> bool:
        return not self.is_silent and _now() < self.safe_until and not self.connection.is_closed()


@dataclass(frozen=True, slots=True)
class _Returned:
    place: int
    session: _Session


class Turns:
    """`try_take` a place, and `give_back`; `close` at the end."""

    def __init__(
        self,
        sessions: Sessions,
        ledger: StoredLedger,
        tokens: StateTokens,
        lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._sessions = sessions
        self._ledger = ledger
        self._tokens = tokens
        self._lost = lost
        self._session: _Session | None = None
        self._former: list[_Session] = []
        """Sessions that are asked nothing more, and stay open for the places that are taken in them."""
        self._opening = asyncio.Lock()
        self._rounds: Batch[Taking | _Returned, frozenset[str] | None] = Batch(self._round)
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

    async def try_take(self, place: int, transaction: bytes) -> frozenset[str] | None:
        """Take the place, a number of 62 bits: who is served of the transaction; None where another process has it."""
        asked = asyncio.ensure_future(self._rounds.do(Taking(place, transaction)))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            asked.add_done_callback(lambda done: self._give_up(done, place))
            raise

    def give_back(self, place: int) -> None:
        """Others may take it."""
        session = self._holding(place)
        if session is None:
            return
        if session.taken[place] > 1:
            session.taken[place] -= 1
        else:
            del session.taken[place]
        if session is self._session:
            self._begin(self._rounds.do(_Returned(place, session)))
        elif not session.taken:
            self._lose(session)

    def holds(self, place: int) -> bool:
        """Whether nobody else can have it now."""
        session = self._holding(place)
        return session is not None and session.is_safe()

    async def close(self) -> None:
        """Give back all of them."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for former in tuple(self._former):
            self._lose(former)
        session, self._session = self._session, None
        if session is not None:
            with suppress(*_FAULTS):
                await session.connection.close(timeout=1)

    async def _round(self, asked: Sequence[Taking | _Returned]) -> list[frozenset[str] | None]:
        taking = [each for each in asked if isinstance(each, Taking)]
        returned = [each for each in asked if isinstance(each, _Returned) and each.session is self._session]
        if not taking and not returned:  # with their session the locks are gone
            return [None] * len(asked)
        session, begun = await self._ready(), time.monotonic()
        here = [each.place for each in returned if each.session is session]  # a new one may just take such a place
        steps = turn_round.steps(taking, here, self._ledger.oldest())

        async def ask() -> Sequence[Any]:
            if self._session is not session:  # put aside while this waited for its turn: it was not asked
                raise StoreError("the database does not answer")
            return await session.connection.fetchmany(turn_round.STATEMENT, steps)  # type: ignore[no-any-return]  # asyncpg has no types

        found = turn_round.found(await self._say(session, ask))
        taken = [each.place for each in taking if each.place in found.taken]
        if found.is_read_only:  # found out before a mail is handed over, and not after it
            await self._say(session, partial(session.connection.fetch, turn_round.GIVE_BACK, taken))
            self._put_aside(session)
            raise StoreError(sqlstate.IS_READ_ONLY)
        session.taken.update(taken)
        self._tokens.found(found.tokens, begun)
        return [found.answer(each) if isinstance(each, Taking) else None for each in asked]

    async def _ready(self) -> _Session:
        async with self._opening:
            if self._session is not None and self._session.connection.is_closed():
                self._lose(self._session)
            if self._session is None:
                self._session = await self._opened()
                self._begin(self._beat(self._session))
            return self._session

    async def _opened(self) -> _Session:
        begun = _now()
        idle = {"idle_session_timeout": f"{SILENT_SECONDS * 1000:.0f}"}
        connection = await self._sessions.connect(more=idle)
        session = _Session(connection, 0, begun + SILENT_SECONDS - MARGIN)
        session.pid = (await self._say(session, partial(connection.fetch, _WHO)))[0][0]
        return session

    async def _beat(self, session: _Session) -> None:
        while not session.connection.is_closed():
            await asyncio.sleep(BEAT)
            try:
                ((pid,),) = await self._say(session, partial(session.connection.fetch, _WHO))
            except StoreError:
                continue  # it is closed, unless mails need it
            if pid != session.pid:
                break
        self._lose(session)

    async def _say(self, session: _Session, statement: Callable[[], Awaitable[Sequence[Any]]]) -> Sequence[Any]:
        async with session.turn:
            begun = _now()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    rows = await statement()
            except TimeoutError as error:
                session.is_silent = True
                self._put_aside(session)
                raise StoreError(said(error)) from None
            except _FAULTS as error:
                self._put_aside(session)
                raise StoreError(said(error)) from None
            except asyncio.CancelledError:
                self._lose(session)
                raise
            session.safe_until, session.is_silent = begun + SILENT_SECONDS - MARGIN, False
            return rows

    def _holding(self, place: int) -> _Session | None:
        sessions = [*([self._session] if self._session else ()), *self._former]
        found = next((session for session in sessions if place in session.taken), None)
        if found and found.connection.is_closed():
            self._lose(found)
            return None
        return found

    def _put_aside(self, session: _Session) -> None:
        """Leave it open until what is in hand is given back, or the server has ended it."""
        if not session.taken or session.connection.is_closed():
            self._lose(session)
        elif self._session is session:
            self._session = None
            self._former.append(session)

    def _lose(self, session: _Session) -> None:
        if session.taken:
            self._lost(session.taken.total())
        session.taken.clear()
        session.connection.terminate()
        if self._session is session:
            self._session = None
        if session in self._former:
            self._former.remove(session)

    def _give_up(self, asked: asyncio.Future[frozenset[str] | None], place: int) -> None:
        if not asked.cancelled() and asked.exception() is None and asked.result() is not None:
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
