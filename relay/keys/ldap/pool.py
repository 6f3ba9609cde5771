"""Sessions with one server, kept and shared.

At most `size` are in use at a time, none is kept that idled for `idle` seconds or is older than `MAX_AGE` (names and
schemas change). A kept session that turns out to be dead is replaced once, unseen by the caller. A session is ended
after any exception in its use, a cancellation too: its next answer could belong to the earlier request. Raises what
`open` and the work raise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from relay.keys.ldap.connection import Connection
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace

SIZE = 4
IDLE = 60.0
MAX_AGE = 600.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """A connection, and where keys stand on its other end."""

    connection: Connection
    space: KeySpace
    opened: float
    """In the event loop's time."""


class Pool:
    """`run` lends a session to a piece of work."""

    def __init__(self, open_: Callable[[], Awaitable[Session]], size: int = SIZE, idle: float = IDLE) -> None:
        self._open = open_
        self._idle = idle
        self._slots = asyncio.Semaphore(size)
        self._kept: dict[Session, asyncio.TimerHandle] = {}
        self._closed = False
        self._opening = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def run(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Return what `work` returns, given a kept or new connection. Raises what `work` raises, and `Unavailable`."""
        async with self._slots:
            if self._kept:
                try:
                    return await self._use(self._take(), work)
                except Unavailable as error:
                    if error.reason is not Reason.BROKEN:
                        raise
                    self._end_all()  # what killed this one, a restart of the server, killed the others
            return await self._use(await self._opened(), work)

    async def _opened(self) -> Session:
        """Open one at a time: if the server is down, the first attempt shows it and no others are started."""
        async with self._opening:
            return await self._open()

    async def close(self) -> None:
        """End what is kept, and wait for all that was ended."""
        self._closed = True
        self._end_all()
        await asyncio.gather(*self._ending)

    def end(self, connection: Connection) -> None:
        """Kill a connection; its process is reaped behind the caller's back."""
        connection.kill()
        task = asyncio.get_running_loop().create_task(connection.reap())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _use(self, session: Session, work: Callable[[Session], Awaitable[T]]) -> T:
        try:
            result = await work(session)
        except BaseException:  # see above
            self.end(session.connection)
            raise
        self._keep(session)
        return result

    def _keep(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        if self._closed or loop.time() - session.opened > MAX_AGE:
            self.end(session.connection)
        else:
            self._kept[session] = loop.call_later(self._idle, self._drop, session)

    def _take(self) -> Session:
        session, timer = self._kept.popitem()
        timer.cancel()
        return session

    def _drop(self, session: Session) -> None:
        self._kept.pop(session).cancel()
        self.end(session.connection)

    def _end_all(self) -> None:
        for session in list(self._kept):
            self._drop(session)
