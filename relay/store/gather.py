"""Those who come while work is under way share the next round of it: one transaction, not a hundred.

A round waits for company: what costs a thread's turn and a look at the disk costs the same for one as for fifty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

TURNS = 10
"""Turns of the event loop that work waits for company: no time at all where the loop has nothing else to do."""


async def company() -> None:
    """Let come who is about to."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Gather(Generic[T, R]):
    """`do` an item; `work` gets all that came together and returns as many results, in order."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The item's result. Raises what the work raises; a caller that is cancelled does not take its item back."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        taken: list[tuple[T, asyncio.Future[R]]] = []
        try:
            while self._waiting:
                await company()
                taken, self._waiting = self._waiting, []
                await self._round(taken)
        finally:
            self._running = None
            for _, done in (*taken, *self._waiting):  # none, unless this task was cancelled
                done.cancel()

    async def _round(self, taken: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        (outcome,) = await asyncio.gather(self._work([item for item, _ in taken]), return_exceptions=True)
        for index, (_, done) in enumerate(taken):
            if done.done():
                continue
            if isinstance(outcome, BaseException):
                done.set_exception(outcome)
            else:
                done.set_result(outcome[index])
