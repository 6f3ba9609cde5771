"""A part of a test in a process of its own, which shares neither Python's lock nor, where it is told to, the processor.

`with SeparateProcess(make) as process: process.call(function, …)`: the context manager that `make()` gives is entered
in the new process and left there at the end; a call is `function(what it yielded, …)` there, awaited on that process's
event loop if it can be, where tasks that it began go on. What goes over the pipe is pickled, so functions must be
importable: of `lab`, not of a test. A function that fails there fails the call, with its traceback.

With `niceness` the process gets the processor when nobody else wants it: what is an evil server here has a machine of
its own elsewhere. It has a session of its own, and that is made nice too: where sessions share the processors
(autogroups, sched(7)) the nice value of a process counts beside its session's alone.

It ends when the block does, or when the process that began it has ended, however that came about: the pipe's end tells.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from inspect import isawaitable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

LEAST = 19
"""The niceness of who gets what is left."""
_LONGEST = 60
"""Seconds that a call may take."""
_START = 280
"""Seconds that its start may take: who is this nice waits for all others."""
_AUTOGROUP = Path("/proc/self/autogroup")


class SeparateProcess(Generic[T]):
    """See the module."""

    def __init__(self, make: Callable[[], AbstractContextManager[T]], niceness: int = 0) -> None:
        spawn = get_context("spawn")  # nothing of this process is in it, and none of its files open
        self._pipe, self._theirs = spawn.Pipe()
        self._process = spawn.Process(target=_run, args=(self._theirs, make, niceness), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        self._answer(_START)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(_START)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        assert kind or self._process.exitcode == 0, f"ended with {self._process.exitcode}"

    def call(self, function: Callable[..., Any], *values: Any) -> Any:  # noqa: ANN401  the function's
        """What it returns there."""
        self._pipe.send((function, values))
        return self._answer()

    def _answer(self, seconds: float = _LONGEST + 10) -> Any:  # noqa: ANN401  the function's
        if not self._pipe.poll(seconds):
            raise TimeoutError
        done, what = self._pipe.recv()
        if not done:
            raise AssertionError(f"in the separate process:\n{what}")
        return what


# In the separate process


def _run(pipe: Connection, make: Callable[[], AbstractContextManager[T]], niceness: int) -> None:
    os.setsid()
    if niceness:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)  # and not so much more than whoever began it has
        if _AUTOGROUP.exists():
            _AUTOGROUP.write_text(str(niceness))
    asyncio.run(_serve(pipe, make))


async def _serve(pipe: Connection, make: Callable[[], AbstractContextManager[T]]) -> None:
    with make() as served:
        pipe.send((True, None))
        while asked := await asyncio.to_thread(_next, pipe):
            function, values = asked
            pipe.send(await _done(function, served, *values))


def _next(pipe: Connection) -> Any:  # noqa: ANN401  whatever was sent
    """None at the end."""
    try:
        return pipe.recv()
    except EOFError:
        return None


async def _done(function: Callable[..., Any], *values: Any) -> tuple[bool, Any]:  # noqa: ANN401  the function's
    try:
        async with asyncio.timeout(_LONGEST):
            result = function(*values)
            return True, await result if isawaitable(result) else result
    except Exception:  # noqa: BLE001  it is told, and fails the test there
        return False, traceback.format_exc()
