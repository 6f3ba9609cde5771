"""A connection of its own for work that takes long: listing a directory, writing into it. Raises `Unavailable`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.keys.ldap.connection import Connection
from relay.keys.ldap.reason import Reason, Unavailable
from relay.keys.ldap.schema import KeySpace, find_key_space
from relay.keys.ldap.server import Server


@asynccontextmanager
async def session(server: Server, seconds: float) -> AsyncIterator[tuple[Connection, KeySpace]]:
    """Logged in, with where keys stand there; what is done with it has so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            connection = await Connection.start()
            try:
                await connection.login(server)
                yield connection, await find_key_space(connection.search, server)
            finally:
                connection.kill()
                await connection.reap()
    except TimeoutError as error:
        raise Unavailable(Reason.TIMEOUT) from error
