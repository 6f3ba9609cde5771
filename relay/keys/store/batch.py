"""Group commit: callers that wait at the same moment share one transaction, and each waits for its end.

A commit that must be on disk costs the same for one row as for fifty. While one is under way, what arrives
is gathered for the next. A caller that is cancelled does not take its rows back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Connection

from relay.errors import StoreError
from relay.keys.store.database import Database

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T]):
    items: Sequence[T]
    done: asyncio.Future[None]


LARGEST = 2000
"""Items in one transaction, so that other processes get their turn."""


class Batch(Generic[T]):
    """`add` items; `write` stores all that came together."""

    def __init__(self, database: Database, write: Callable[[Connection, Sequence[T]], None]) -> None:
        self._database = database
        self._write = write
        self._waiting: list[_Waiting[T]] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, items: Sequence[T]) -> None:
        """Return when they are committed. Raises `StoreError` when they are not."""
        if not items:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(items, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        taken: list[_Waiting[T]] = []
        try:
            while self._waiting:
                taken = self._take()
                await self._commit(taken)
        finally:
            self._writer = None
            for waiting in (*taken, *self._waiting):  # none, unless this task was cancelled
                waiting.done.cancel()

    def _take(self) -> list[_Waiting[T]]:
        count = size = 0
        while count < len(self._waiting) and (not count or size + len(self._waiting[count].items) <= LARGEST):
            size += len(self._waiting[count].items)
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _commit(self, taken: Sequence[_Waiting[T]]) -> None:
        items = [item for waiting in taken for item in waiting.items]
        writing = self._database.write(lambda connection: self._write(connection, items))
        (failure,) = await asyncio.gather(writing, return_exceptions=True)
        for waiting in taken:
            if waiting.done.cancelled():
                continue
            if failure is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(StoreError(str(failure)) if isinstance(failure, StoreError) else failure)
