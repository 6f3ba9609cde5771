"""The public web service's own database: objects to show, events for the relay. It has nothing of the relay's store.

What is removed is overwritten (SQLite's `secure_delete`) and leaves the write-ahead log at the next `clean`. Raises
`StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from relay.model.errors import StoreError
from relay.store.closing import Closing
from relay.store.database import BUSY_SECONDS, Database
from relay.store.migration import migrate
from relay.store.public_events import PublicEvents
from relay.store.public_objects import PublicObjects
from relay.store.public_schema import STEPS

__all__ = ["PublicEvents", "PublicObjects", "PublicStore"]


@dataclass(frozen=True, slots=True)
class PublicStore(Closing):
    """Made by `open`, in the event loop that uses it."""

    database: Database
    objects: PublicObjects
    events: PublicEvents

    @classmethod
    async def open(
        cls, url_or_path: str | Path, *, clock: Callable[[], float] = time.time, busy_seconds: float = BUSY_SECONDS
    ) -> Self:
        """Open, or make, the database."""
        database = await Database.open(url_or_path, busy_seconds=busy_seconds, overwrite=True)
        try:
            await migrate(database, STEPS, after={})
        except StoreError:
            await database.close()
            raise
        return cls(database, PublicObjects(database, clock), PublicEvents(database, clock))

    async def clean(self) -> None:
        """Remove what has expired, and write the log into the database, so that nothing removed is left in it."""
        await self.objects.sweep()
        await self.database.read(_checkpoint)


def _checkpoint(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
