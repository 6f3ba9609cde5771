"""Fetches under way: one for all who wait for the same answer.

A fetch goes on when one of those who wait gives up. It ends early only where nobody waits any more while it has not
been given its place (`relay.keys.fair_queue`); one that has begun is finished, so that its answer is remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from relay.keys.fair_queue import FairQueue, Owner, Ticket

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Fetch(Generic[T]):
    ticket: Ticket
    task: asyncio.Task[T]


class Fetches(Generic[T]):
    """The fetches of one source."""

    def __init__(self, queue: FairQueue) -> None:
        self._queue = queue
        self._underway: dict[Hashable, _Fetch[T]] = {}

    async def result(
        self, key: Hashable, scope: str, owner: Owner, work: Callable[[Ticket], Coroutine[Any, Any, T]]
    ) -> T:
        """The result of the fetch of this key: of one that is under way already, or of `work` with a new ticket."""
        fetch = self._underway.get(key) or self._begin(key, Ticket(scope), work)
        self._queue.join(fetch.ticket, owner)
        try:
            return await asyncio.shield(fetch.task)
        finally:
            self._queue.leave(fetch.ticket, owner)
            if not fetch.ticket.owners and not fetch.ticket.begun:
                self._forget(key, fetch)
                fetch.task.cancel()

    async def close(self) -> None:
        """Cancel all of them."""
        tasks = [fetch.task for fetch in self._underway.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, ticket: Ticket, work: Callable[[Ticket], Coroutine[Any, Any, T]]) -> _Fetch[T]:
        fetch = self._underway[key] = _Fetch(ticket, asyncio.create_task(work(ticket)))
        fetch.task.add_done_callback(lambda _: self._forget(key, fetch))
        return fetch

    def _forget(self, key: Hashable, fetch: _Fetch[T]) -> None:
        if self._underway.get(key) is fetch:
            del self._underway[key]
