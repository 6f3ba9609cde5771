"""Work that takes long runs in a process of its own, so that one large message does not stop the others.

A thread would not do: armor, base64 and Sequoia hold the interpreter lock for tens of milliseconds at a time, and
pure Python in a second thread delays every step of the loop. Small messages, which are nearly all, are worth
neither: handing over costs more than the work. Processes are started when the first large message comes, and kept.

`work` is a function of a module; it, its arguments and its result can be pickled. Raises what it raises, where
that is a `RelayError`, and `EngineError` where the process breaks off or takes too long.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from relay.process.worker_process import Helper

P = ParamSpec("P")
R = TypeVar("R")

LARGE = 128 * 1024
"""Octets from which on it is worth it: reading a header of tiny fields takes 1 ms for each 10 KB."""
MOST = min(4, len(os.sched_getaffinity(0)))
"""Large messages that are worked on at the same time."""

_SECONDS = 120.0
_OCTETS_A_SECOND = 1 << 20


async def aside(size: int, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
    """What `work` returns or raises; `size` is that of the message it is about."""
    if size < LARGE:
        return work(*given, **named)
    result: R = await _helpers.do(_seconds(size), work, *given, **named)
    return result


async def beside(size: int, work: Callable[P, Awaitable[R]], *given: P.args, **named: P.kwargs) -> R:
    """What this coroutine function's coroutine returns or raises, always in one of the processes."""
    result: R = await _helpers.do(_seconds(size), work, *given, **named)
    return result


async def breath(at: int) -> None:
    """In a loop over thousands of recipients: now and then, whatever else is ready has its turn."""
    if at % 100 == 99:
        await asyncio.sleep(0)


async def beside_mail(size: int, work: Callable[P, Awaitable[R]], *given: P.args, **named: P.kwargs) -> R:
    """As `beside`, in a process that no mail waits for: strangers decide how long it takes."""
    result: R = await _strangers.do(_seconds(size), work, *given, **named)
    return result


def stop() -> None:
    """End the processes, whatever they do."""
    _helpers.stop()
    _strangers.stop()


def _seconds(size: int) -> float:
    return _SECONDS + 2 * size / _OCTETS_A_SECOND


class _Helpers:
    """At most `most` processes, each with one thread that waits for it."""

    def __init__(self, most: int) -> None:
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="aside")
        self._idle: queue.LifoQueue[Helper] = queue.LifoQueue()
        self._all: set[Helper] = set()
        self._lock = threading.Lock()

    async def do(self, seconds: float, work: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401  what the work returns
        def wait() -> Any:  # noqa: ANN401  likewise
            helper = self._take()
            try:
                return helper.do(seconds, work, *given, **named)
            finally:
                self._give_back(helper)

        return await asyncio.get_running_loop().run_in_executor(self._threads, wait)

    def _take(self) -> Helper:
        with suppress(queue.Empty):
            while helper := self._idle.get_nowait():
                if helper.alive:
                    return helper
        helper = Helper()
        with self._lock:
            self._all.add(helper)
        return helper

    def _give_back(self, helper: Helper) -> None:
        if helper.alive:
            self._idle.put(helper)
        else:
            with self._lock:
                self._all.discard(helper)

    def stop(self) -> None:
        with self._lock:
            helpers, self._all = self._all, set()
        for helper in helpers:
            helper.kill()


_helpers = _Helpers(MOST)
_strangers = _Helpers(1)
