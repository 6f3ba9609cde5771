"""Which keyservers have proved to be some (`relay.keys.wkd.keyservers`). Raises `StoreError`."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select

from relay.store.database import Database
from relay.store.schema import keyservers


class Keyservers:
    """Which keyservers have proved to be one, in the table `keyserver`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def proved(self, server: str) -> bool:
        """Whether this server has ever proved to be a keyserver."""
        wanted = select(keyservers.c.proved).where(keyservers.c.url == server)
        return await self._database.read(lambda c: c.execute(wanted).first()) is not None

    async def note(self, server: str) -> None:
        """Note that this server has proved to be a keyserver."""
        row = {"url": server, "proved": self._clock()}

        def write(connection: Connection) -> None:
            connection.execute(delete(keyservers).where(keyservers.c.url == server))
            connection.execute(insert(keyservers), row)

        await self._database.write(write)
