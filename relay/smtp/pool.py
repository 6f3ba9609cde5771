"""Connections to the next hop, kept between messages and bounded in number.

At most `size` are in use at once; a caller that waits longer than `patience` seconds gets a `NextHopError`. A
connection that the next hop has closed, or that has been idle for `idle` seconds, is not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from relay.model.errors import NextHopError
from relay.smtp.connection import Connection

IDLE = 30.0  # shorter than the idle time-out of any server


class Pool:
    """Connections to one next hop."""

    def __init__(self, *, size: int, patience: float) -> None:
        self._free = asyncio.Semaphore(size)
        self._patience = patience
        self._kept: list[tuple[float, Connection]] = []

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """The right to use one connection."""
        if self._free.locked():
            await self._until_free()
        else:
            await self._free.acquire()  # at once
        try:
            yield
        finally:
            self._free.release()

    async def _until_free(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise NextHopError("every connection to the next hop is busy") from None

    def kept(self) -> Connection | None:
        """The connection that was used last, where it is still open."""
        oldest = asyncio.get_running_loop().time() - IDLE
        while self._kept:
            since, connection = self._kept.pop()
            if connection.alive and since >= oldest:
                return connection
            connection.abandon()
        return None

    @contextlib.asynccontextmanager
    async def using(self, connection: Connection) -> AsyncIterator[None]:
        """Use it; it is kept where the block ends without an exception, and aborted otherwise."""
        try:
            yield
        except BaseException:
            connection.abandon()
            raise
        if connection.alive:
            self._kept.append((asyncio.get_running_loop().time(), connection))

    async def close(self) -> None:
        """Close the idle connections."""
        kept, self._kept = self._kept, []
        await asyncio.gather(*(connection.quit() for _, connection in kept))
