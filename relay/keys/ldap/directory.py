"""One directory server: its sessions, its time limit, and whether it failed lately.

A server that failed is asked last for `REST` seconds, so that not every mail pays its timeout while another one
answers; then one lookup tries it again, and the others go on as before until that one has succeeded. Each lookup looks
for the known key (`Server.probe`) too: a session that is kept says nothing of what is found by now.
Raises `Unavailable`, within the configured timeout.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from relay.keys.ldap.connection import Connection
from relay.keys.ldap.pool import Pool, Session
from relay.keys.ldap.protocol import Entry
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace, Search, find_key_space, proven
from relay.keys.ldap.server import Server

REST = 60.0

Plan = Callable[[KeySpace], Sequence[Search]]


class Directory:
    """A server and what is known of it."""

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._pool = Pool(self._open)
        self._rests_until: float | None = None

    @property
    def rests(self) -> bool:
        """Whether it failed lately."""
        return self._rests_until is not None and self._clock() < self._rests_until

    async def find(self, plan: Plan) -> tuple[KeySpace, tuple[Entry, ...]]:
        """What the planned searches find, and in what kind of key space."""
        if self._rests_until is not None:
            self._rests_until = self._clock() + REST  # this lookup tries for all
        try:
            async with asyncio.timeout(self._server.timeout):
                found = await self._pool.run(lambda session: self._find(session, plan))
        except TimeoutError as error:
            raise self._failed(Reason.TIMEOUT) from error
        except Unavailable as error:
            raise self._failed(error.reason) from error
        self._rests_until = None
        return found

    async def close(self) -> None:
        """Close all connections to the server."""
        await self._pool.close()

    async def _find(self, session: Session, plan: Plan) -> tuple[KeySpace, tuple[Entry, ...]]:
        search, space = session.connection.search, session.space
        entries = tuple([entry for one in plan(space) for entry in await search(one)])
        return await proven(search, space, self._server), entries

    def _failed(self, reason: Reason) -> Unavailable:
        self._rests_until = self._clock() + REST
        return Unavailable(reason)

    async def _open(self) -> Session:
        connection = await Connection.start()
        try:
            await connection.login(self._server)
            space = await find_key_space(connection.search, self._server)
        except BaseException:  # also a cancellation: nothing that was started stays
            self._pool.end(connection)
            raise
        return Session(connection, space, asyncio.get_running_loop().time())
