"""A worker process as its supervisor sees it: start it, send it its order, read its messages, end it.

The supervisor sends pickled values: the worker's spec, later new configurations. The worker sends only words, never
pickled values, because it handles input from strangers: `ready`, `failed`, `reloaded`, `alive` at intervals, and what
it counted (`counters`). A worker that sends nothing for `SILENCE` seconds counts as hanging, and is killed. Raises
`RelayError` where no process can be started.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from relay.config import Config
from relay.daemon.role import WorkerSpec
from relay.model.errors import RelayError
from relay.process import pickled
from relay.process.child import Child, Program
from relay.process.ipc import BadFrame, Limits
from relay.telemetry import events
from relay.telemetry.events import Event

SILENCE = 20.0
"""Seconds without a word, of one that serves: it says what it counted every second."""
REACTION = 60.0
"""Seconds for a new configuration: secret keys are opened, files read."""
LAST_WORDS = 1.0
"""Seconds for what a worker said before its end."""

_SAID = Limits(words=1 << 20)
_MANAGERS_OWN = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})

Hear = Callable[[int, dict[str, Any]], None]
"""Called with the number of a worker and its report."""


class WorkerHandle:
    """Make one with `start`."""

    def __init__(self, number: int, child: Child, hear: Hear) -> None:
        self.child = child
        self.ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        """Where it listens, once it does; `RelayError` with its sentence where it cannot."""
        self._number = number
        self._hear = hear
        self._begun = time.monotonic()
        self._reloaded: asyncio.Future[bool | None] | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, spec: WorkerSpec, hear: Hear) -> Self:
        """Start it and send it its spec."""
        try:
            child = await _program().start(spec.descriptors)
        except OSError as error:
            raise RelayError("a worker cannot be started") from error
        worker = cls(spec.number, child, hear)
        await worker._send(spec)
        return worker

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._begun

    async def reload(self, config: Config) -> bool | None:
        """Whether it could use that configuration; None where it does not answer, or has ended."""
        self._reloaded = asyncio.get_running_loop().create_future()
        if self._reading.done():
            return None
        await self._send(config)
        with suppress(TimeoutError):
            async with asyncio.timeout(REACTION):
                return await self._reloaded
        return None

    async def close(self) -> None:
        """Read its last messages once it has ended, then stop reading."""
        await asyncio.wait({self._reading}, timeout=LAST_WORDS)
        self._reading.cancel()
        self.child.channel.close()

    async def _send(self, value: object) -> None:
        self.child.channel.send({}, pickled.packed(value))
        with suppress(OSError):  # it has ended: that shows
            await self.child.channel.drain()

    async def _read(self) -> None:
        try:
            while frame := await asyncio.wait_for(self.child.channel.receive(_SAID), self._longest):
                self._take(frame.words)
        except TimeoutError:
            events.log().error(Event.FAILED, pid=self.child.pid, reason="a worker stood still")
            self.child.kill()
        except BadFrame:
            self.child.kill()  # the worker ended in the middle of a frame, or it is no longer our process
        finally:
            self._fail("a worker ended before it served")
            self._answer(None)

    @property
    def _longest(self) -> float:
        """Seconds until it is taken to hang: more while it starts or reads a new configuration."""
        busy = not self.ready.done() or (self._reloaded is not None and not self._reloaded.done())
        return REACTION if busy else SILENCE

    def _take(self, said: dict[str, Any]) -> None:
        match said:
            case {"ready": listening} if not self.ready.done():
                self.ready.set_result(listening)
            case {"failed": sentence}:
                self._fail(sentence)
            case {"reloaded": changed}:
                self._answer(changed)
            case {"counters": _}:
                self._hear(self._number, said)

    def _fail(self, sentence: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(RelayError(sentence))
            self.ready.exception()  # retrieved, or asyncio would log it where no caller waits

    def _answer(self, changed: bool | None) -> None:  # noqa: FBT001  what it said
        if self._reloaded and not self._reloaded.done():
            self._reloaded.set_result(changed)


def _program() -> Program:
    """Ctrl-C and the service manager's variables in the environment are for the supervisor, not for the worker."""
    environment = {name: value for name, value in os.environ.items() if name not in _MANAGERS_OWN}
    return Program("relay.daemon.worker", environment, folder=None, session=True)
