"""Group commit: callers that wait at the same moment share one transaction, and each waits for its end.

A commit to disk costs the same for one row as for fifty. While one is in progress, rows that arrive wait for the next.
Rows added in one turn of the event loop are in one transaction, whatever their tables (up to a limit): ledger and trace
of a recipient are both on disk, or neither is. Rows of a caller that is cancelled are written all the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from relay.model.errors import StoreError
from relay.store.database import Database
from relay.store.gather import company

Write = Callable[[Connection, Sequence[Any]], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    write: Write
    items: Sequence[Any]
    done: asyncio.Future[None]


LARGEST = 2000
"""Rows in one transaction at most, so that other processes can write as well."""


class Batch:
    """`add` rows and the function that stores them: it is called once for all rows of a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def add(self, write: Write, items: Sequence[Any]) -> None:
        """Return when they are committed. Raises `StoreError` when they are not."""
        if not items:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(write, items, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        taken: list[_Waiting] = []
        try:
            while self._waiting:
                await company()
                taken = self._take()
                await self._commit(taken)
        finally:
            self._writer = None
            for waiting in (*taken, *self._waiting):  # none, unless this task was cancelled
                waiting.done.cancel()

    def _take(self) -> list[_Waiting]:
        count = size = 0
        while count < len(self._waiting) and (not count or size + len(self._waiting[count].items) <= LARGEST):
            size += len(self._waiting[count].items)
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _commit(self, taken: Sequence[_Waiting]) -> None:
        (failure,) = await asyncio.gather(self._database.write(lambda c: _store(c, taken)), return_exceptions=True)
        for waiting in taken:
            if waiting.done.cancelled():
                continue
            if failure is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(StoreError(str(failure)) if isinstance(failure, StoreError) else failure)


def _store(connection: Connection, taken: Sequence[_Waiting]) -> None:
    together: defaultdict[Write, list[Any]] = defaultdict(list)
    for waiting in taken:
        together[waiting.write].extend(waiting.items)
    for write, items in together.items():
        write(connection, items)
