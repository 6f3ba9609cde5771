"""`async with` for what stands on a database."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from relay.store.database import Database


class Closing:
    """Closes its database at the end of `async with`."""

    __slots__ = ()
    database: Database

    async def close(self) -> None:
        """Let what runs finish, then release every connection, file and thread."""
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
