"""Work that takes long runs in processes of a pool, so that one large message does not stop the others.

A thread would not do: armor, base64 and Sequoia hold the interpreter lock for tens of milliseconds at a time, and
pure Python in a second thread delays every step of the event loop. Small messages, which are nearly all, are worked on
here: handing them over costs more than the work. Processes are started when the first large message comes, and kept.

The work is a function of a module; it, its arguments and its result can be pickled. What it raises is raised here if it
is a `RelayError`; `EngineError` where the process breaks off or takes too long.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, Self, TypeVar

from relay.process.child import Program
from relay.process.pool_worker import APART, PROGRAM, Call, PoolWorker

P = ParamSpec("P")
R = TypeVar("R")

LARGE = 128 * 1024
"""Octets from which on the pool is worth it: reading a header of tiny fields takes 1 ms for each 10 KB."""
MOST_WORKERS = min(4, len(os.sched_getaffinity(0)))
"""Large messages that are worked on at the same time."""
MOST_APART = max(1, MOST_WORKERS // 2)
"""Pieces of low-priority work at the same time. If there are several processors, at least half of them stay free."""

_SECONDS = 120.0
_OCTETS_A_SECOND = 1 << 20


class Document:
    """Octets that several steps work on; as a context manager it is released at the end.

    Large ones are sent to a process of the pool once. It keeps them until the last step or another document, and the
    next step is taken there, if that process is free.
    """

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.closed = False
        self.transfers = 0
        """How often it was sent to a process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No process needs to keep it; more than once does no harm."""
        self.closed = True
        if self.transfers:
            _mail_pool.forget_closed()

    async def run(self, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
        """Run `work`, with the document among its arguments: in this process unless it is large."""
        if len(self.octets) < LARGE:
            return work(*given, **named)
        result: R = await _mail_pool.run(_seconds(len(self.octets)), (work, given, named), self, keep=True)
        return result

    async def run_last(self, work: Callable[P, Awaitable[R]], *given: P.args, **named: P.kwargs) -> R:
        """Run a coroutine function, always in the pool, which then releases the document."""
        result: R = await _mail_pool.run(_seconds(len(self.octets)), (work, given, named), self)
        return result


async def run(size: int, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
    """What `work` returns or raises: here, or in the pool where so many octets are large."""
    if size < LARGE:
        return work(*given, **named)
    result: R = await _mail_pool.run(_seconds(size), (work, given, named))
    return result


async def run_apart(size: int, work: Callable[P, Awaitable[R]], *given: P.args, **named: P.kwargs) -> R:
    """What this coroutine function's coroutine returns or raises, in a process that gives way to all other programs.

    Each piece takes long for its size: what handles other mail meanwhile, Postfix too, must not feel it.
    """
    result: R = await _apart.run(_seconds(size), (work, given, named))
    return result


async def run_in_background(size: int, work: Callable[P, Awaitable[R]], *given: P.args, **named: P.kwargs) -> R:
    """The same in a process that no mail waits for: for work whose length strangers decide."""
    result: R = await _background_pool.run(_seconds(size), (work, given, named))
    return result


async def yield_to_others(at: int) -> None:
    """Let other tasks run now and then, in a loop over thousands of recipients."""
    if at % 100 == 99:
        await asyncio.sleep(0)


def stop() -> None:
    """Kill the processes, even while they work."""
    for one in (_mail_pool, _apart, _background_pool):
        one.stop()


def _seconds(size: int) -> float:
    return _SECONDS + 2 * size / _OCTETS_A_SECOND


class _Pool:
    """At most `most` processes, each with one thread that waits for it."""

    def __init__(self, most: int, program: Program = PROGRAM) -> None:
        self._program = program
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="pool")
        self._idle: list[PoolWorker] = []
        self._all: set[PoolWorker] = set()
        self._kept: dict[PoolWorker, Document] = {}
        """The document that a process keeps."""
        self._lock = threading.Lock()

    async def run(self, seconds: float, call: Call, document: Document | None = None, *, keep: bool = False) -> Any:  # noqa: ANN401  the call's result
        def wait() -> Any:  # noqa: ANN401  likewise
            worker = self._take(document)
            try:
                if document is None:
                    return worker.run(seconds, call)
                known = self._kept.pop(worker, None) is document
                document.transfers += not known
                if keep:
                    self._kept[worker] = document
                return worker.run(seconds, call, document.octets, known=known, keep=keep)
            finally:
                self._give_back(worker)

        return await asyncio.get_running_loop().run_in_executor(self._threads, wait)

    def forget_closed(self) -> None:
        """No process keeps a document that is closed; one at work keeps it until that is done."""
        with self._lock:
            for worker in self._idle:
                self._forget_closed(worker)

    def _forget_closed(self, worker: PoolWorker) -> None:
        kept = self._kept.get(worker)
        if kept and kept.closed:
            del self._kept[worker]
            worker.forget()

    def _take(self, document: Document | None) -> PoolWorker:
        """An idle process: the one that keeps the document, or one that keeps nothing; else a new one."""
        with self._lock:
            for worker in [one for one in self._idle if not one.alive]:
                self._drop(worker)
            if self._idle:
                kept = [self._kept.get(worker) for worker in self._idle]
                at = min(range(len(kept)), key=lambda at: (kept[at] is not document, kept[at] is not None))
                return self._idle.pop(at)
        worker = PoolWorker(self._program)
        with self._lock:
            self._all.add(worker)
        return worker

    def _give_back(self, worker: PoolWorker) -> None:
        with self._lock:
            self._idle.append(worker)
            if worker.alive:
                self._forget_closed(worker)
            else:
                self._drop(worker)

    def _drop(self, worker: PoolWorker) -> None:
        self._idle.remove(worker)
        self._all.discard(worker)
        self._kept.pop(worker, None)

    def stop(self) -> None:
        with self._lock:
            workers, self._all, self._idle, self._kept = self._all, set(), [], {}
        for worker in workers:
            worker.kill()


_mail_pool = _Pool(MOST_WORKERS)
_apart = _Pool(MOST_APART, APART)
_background_pool = _Pool(1)
