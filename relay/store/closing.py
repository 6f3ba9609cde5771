"""Lets what uses a database be closed by `async with`."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from relay.store.database import Database


class Closing:
    """Closes the database at the end of `async with`."""

    __slots__ = ()
    database: Database

    async def close(self) -> None:
        """Wait for what is running, then release all connections, files and threads."""
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
