"""One worker's process as its supervisor sees it: started, told, heard, ended.

The worker gets values over a socket pair (`relay.process.ipc`: its order, later new configurations) and answers in
lines of JSON: `ready`, `failed`, `reloaded`, and `alive` at intervals. One that is silent for `SILENCE` seconds is
taken to hang, and is killed. Raises `RelayError` where no process can be started.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from relay.config import Config
from relay.daemon.role import Order
from relay.model.errors import RelayError
from relay.process import ipc
from relay.telemetry import events
from relay.telemetry.events import Event

SILENCE = 60.0
REACTION = 60.0
"""Seconds for a new configuration: secret keys are opened, files read."""

_SOURCE = Path(__file__).resolve().parents[2]
_MANAGERS_OWN = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})


class Running:
    """Make one with `start`."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self.ready: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        """Where it listens, once it does; `RelayError` with its sentence where it cannot."""
        self._begun = time.monotonic()
        self._reader = reader
        self._writer = writer
        self._answer: asyncio.Future[bool | None] | None = None
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    async def start(cls, order: Order) -> Self:
        """Start it and give it its order."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "relay.daemon.worker", str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno(), *(d for d in (order.figures, *order.places.values()) if d >= 0)],
                    env={**_environment(), "PYTHONPATH": str(_SOURCE)},
                    start_new_session=True,  # a terminal's Ctrl-C is for the supervisor
                )
            except OSError as error:
                writer.close()
                raise RelayError("a worker cannot be started") from error
        running = cls(process, reader, writer)
        await running._tell(order)
        return running

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return time.monotonic() - self._begun

    async def reload(self, config: Config) -> bool | None:
        """Whether it could use that configuration; None where it does not answer, or has ended."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._hearing.done():
            return None
        await self._tell(config)
        with suppress(TimeoutError):
            async with asyncio.timeout(REACTION):
                return await self._answer
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send it, where there is still somebody to hear."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """Hear no more of it."""
        self._hearing.cancel()
        self._writer.close()

    async def _tell(self, value: object) -> None:
        for piece in ipc.pieces(value):
            self._writer.write(piece)
        with suppress(OSError):  # it has ended: that shows
            await self._writer.drain()

    async def _hear(self) -> None:
        try:
            while line := await asyncio.wait_for(self._reader.readline(), SILENCE):
                self._take(json.loads(line))
        except TimeoutError:
            events.log().error(Event.FAILED, pid=self.process.pid, reason="a worker stood still")
            self.signal(signal.SIGKILL)
        except OSError:
            pass  # it was killed: the same as its end
        finally:
            self._fail("a worker ended before it served")
            self._answered(None)

    def _take(self, said: dict[str, Any]) -> None:
        if "ready" in said and not self.ready.done():
            self.ready.set_result(said["ready"])
        if "failed" in said:
            self._fail(said["failed"])
        if "reloaded" in said:
            self._answered(said["reloaded"])

    def _fail(self, sentence: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(RelayError(sentence))
            self.ready.exception()  # where nobody waits any more, nobody is told

    def _answered(self, changed: bool | None) -> None:  # noqa: FBT001  what it said
        if self._answer and not self._answer.done():
            self._answer.set_result(changed)


def _environment() -> dict[str, str]:
    """Ours, without what the service manager says to this process alone."""
    return {name: value for name, value in os.environ.items() if name not in _MANAGERS_OWN}
