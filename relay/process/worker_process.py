"""A process of the pool (`python -m relay.process.worker_process DESCRIPTOR`): works for `relay.process.pool_worker`.

One piece of work at a time: a function of the relay and its arguments come, its result or a `RelayError` goes back. It
keeps the last document that it was told to keep. It ignores the signals of a terminal or a service manager, and ends
when its channel does.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import socket
import sys
from contextlib import suppress

from relay.model.errors import EngineError, RelayError
from relay.process import ipc, pickled
from relay.process.ipc import BadFrame, Frame
from relay.process.memory import return_freed_memory
from relay.process.pool_worker import Call
from relay.process.priority import give_way

NICE = 10


class Worker:
    """Takes frames, one after the other."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._document: bytes | None = None
        self._call: Call | None = None

    def take(self, frame: Frame) -> None:
        """Read the next piece of work, if it is one. Only its arguments hold the document, unless it is kept."""
        match frame.words:
            case {"forget": True}:
                self._document = None
            case {"document": "none"}:
                self._call = pickled.unpacked(frame)
            case {"document": told, "keep": keep}:
                document = frame.strings[-1] if told == "sent" else self._document
                self._call = pickled.unpacked(frame, document)
                self._document = document if keep else None

    def done(self) -> tuple[bool, object] | None:
        """Do the work; returns whether it raised, and its result or error; None if there was no work.

        Only the coroutine of a coroutine function holds its arguments, so it can release them.
        """
        if self._call is None:
            return None
        (work, given, named), self._call = self._call, None
        try:
            result = work(*given, **named)
            del given, named
            return False, self._runner.run(result) if inspect.iscoroutine(result) else result
        except RelayError as error:
            return True, error
        except Exception as error:  # noqa: BLE001  only its type is reported to the other end
            return True, EngineError(f"a large message could not be worked on: {type(error).__name__}")


def serve(channel: socket.socket) -> None:
    """Work until the other end is closed."""
    with asyncio.Runner() as runner, suppress(BadFrame, ConnectionError):
        worker = Worker(runner)
        while _taken(worker, channel):
            if outcome := worker.done():
                raised, value = outcome
                ipc.send(channel, {"raised": raised}, pickled.packed(value))
                del outcome, value


def _taken(worker: Worker, channel: socket.socket) -> bool:
    frame = ipc.receive(channel, pickled.LIMITS)
    if frame is None:
        return False
    worker.take(frame)
    return True


def main() -> None:
    """Run the process, until its channel ends."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    give_way(NICE)
    return_freed_memory()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        serve(channel)


if __name__ == "__main__":
    main()
