"""Callers that come at the same moment share one round of work: one transaction, not a hundred.

A round costs a thread switch, a read of the database and perhaps a commit, for one caller as for fifty. While a round
is under way, what comes is gathered for the next one. A caller that is cancelled does not take its item back.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from relay.store import one_statement
from relay.store.database import Database
from relay.store.one_statement import Part

T = TypeVar("T")
R = TypeVar("R")

TURNS = 10
"""Turns of the event loop that a round waits for more callers: no time at all where the loop has nothing else to do."""
LARGEST = 2000
"""The size of a round, so that other processes get their turn."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T, R]):
    item: T
    done: asyncio.Future[R]


class Batch(Generic[T, R]):
    """`do` an item; `work` gets all that came together and returns as many results, in their order."""

    def __init__(
        self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]], size: Callable[[T], int] = lambda _: 1
    ) -> None:
        """`size`: of an item, for the limit of a round."""
        self._work = work
        self._size = size
        self._waiting: list[_Waiting[T, R]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """Have the item worked on in the next round, and return its result. Raises what the work raises."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        taken: list[_Waiting[T, R]] = []
        try:
            while self._waiting:
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                taken = self._take()
                await self._round(taken)
        finally:
            self._running = None
            for waiting in (*taken, *self._waiting):  # none, unless this task was cancelled
                waiting.done.cancel()

    def _take(self) -> list[_Waiting[T, R]]:
        count = size = 0
        while count < len(self._waiting) and (not count or size + self._size(self._waiting[count].item) <= LARGEST):
            size += self._size(self._waiting[count].item)
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    async def _round(self, taken: Sequence[_Waiting[T, R]]) -> None:
        (outcome,) = await asyncio.gather(self._work([waiting.item for waiting in taken]), return_exceptions=True)
        for index, waiting in enumerate(taken):
            if waiting.done.done():
                continue
            if isinstance(outcome, BaseException):
                waiting.done.set_exception(outcome)
            else:
                waiting.done.set_result(outcome[index])


Write = Callable[[Connection, Sequence[T]], None]
PartOf = Callable[[Sequence[T]], Part | None]
"""Makes the same write a part of one PostgreSQL statement; None where it cannot with these rows."""


@dataclass(frozen=True, slots=True)
class _Rows:
    write: Write[Any]
    items: Sequence[Any]
    part: PartOf[Any] | None


class WriteBatch:
    """Group commit: a commit that must be on disk costs the same for one row as for fifty.

    What is added in one turn of the event loop stands in one transaction, whatever tables it goes to (unless it is more
    than `LARGEST`): ledger and trace of a recipient are both on disk, or neither is.
    """

    def __init__(self, database: Database) -> None:
        self._batch: Batch[_Rows, None] = Batch(partial(_commit, database), lambda rows: len(rows.items))

    async def add(self, write: Write[T], items: Sequence[T], part: PartOf[T] | None = None) -> None:
        """Return when the items are committed. `write` is called once for all items that came together.

        With PostgreSQL, `part` is used instead, which does the same in one statement, if all items of the round have
        one.

        Raises `StoreError` when they are not committed.
        """
        if items:
            await self._batch.do(_Rows(write, items, part))


async def _commit(database: Database, taken: Sequence[_Rows]) -> list[None]:
    together: defaultdict[Write[Any], list[Any]] = defaultdict(list)
    for rows in taken:
        together[rows.write].extend(rows.items)
    parts = _parts(together, {rows.write: rows.part for rows in taken}) if database.is_shared else None
    if parts is None or not await database.write_at_once(partial(one_statement.run, parts=parts)):
        await database.write_beside(lambda connection: _write_all(connection, together))
    return [None] * len(taken)


def _parts(
    together: Mapping[Write[Any], Sequence[Any]], by_write: Mapping[Write[Any], PartOf[Any] | None]
) -> list[Part] | None:
    """One part for each kind of write; None where a kind cannot be a part."""
    parts: list[Part] = []
    for write, items in together.items():
        part_of = by_write[write]
        part = part_of(items) if part_of else None
        if part is None:
            return None
        parts.append(part)
    return parts


def _write_all(connection: Connection, together: Mapping[Write[Any], Sequence[Any]]) -> None:
    for write, items in together.items():
        write(connection, items)
