"""Controls one process of the pool from a thread of this one: gives it work, waits for it, ends it.

It is `relay.process.worker_process`, in its own process: it has an interpreter lock of its own, runs at a lower
priority, and ends when this process does. All calls block.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from relay.model.errors import EngineError, EngineTimeout
from relay.process import ipc, pickled
from relay.process.child import Program
from relay.process.ipc import BadFrame

PROGRAM = Program("relay.process.worker_process")
APART = replace(PROGRAM, session=True)
"""A program in a session of its own: it gives way to Postfix and all other programs (`relay.process.priority`)."""

_TIME = struct.Struct("@ll")

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A function of a module, or a coroutine function, and its arguments: all of it can be pickled."""


class PoolWorker:
    """Starts the process. Raises `EngineError` where it cannot."""

    def __init__(self, program: Program = PROGRAM) -> None:
        try:
            self._process, self._socket = program.run()
        except OSError as error:
            raise EngineError("no process can be started for a large message") from error

    @property
    def pid(self) -> int:
        """The process id, also after its end."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be given work."""
        return self._socket.fileno() >= 0 and self._process.poll() is None

    def run(
        self, seconds: float, call: Call, document: bytes | None = None, *, known: bool = False, keep: bool = False
    ) -> Any:  # noqa: ANN401  the call's result
        """What the call returns or raises there.

        `document` stands among its arguments: `known` says that the process keeps it from an earlier call, `keep` that
        it shall from now on. Raises `EngineError` where the process broke off, `EngineTimeout` after so many seconds:
        it has been killed then.
        """
        try:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._socket.setsockopt(socket.SOL_SOCKET, option, _TIME.pack(int(seconds) + 1, 0))
            self._send(call, document, known=known, keep=keep)
            answer = ipc.receive(self._socket, pickled.LIMITS)
        except BlockingIOError:
            self.kill()
            raise EngineTimeout("a large message took too long") from None
        except (OSError, BadFrame):
            answer = None
        if answer is None:
            self.kill()
            raise EngineError("the process for large messages broke off")
        result = pickled.unpacked(answer)
        if answer.words["raised"]:
            raise result
        return result

    def _send(self, call: Call, document: bytes | None, *, known: bool, keep: bool) -> None:
        strings = pickled.packed(call, document)
        if document is None:
            ipc.send(self._socket, {"document": "none"}, strings)
        elif known:
            ipc.send(self._socket, {"document": "kept", "keep": keep}, strings)
        else:
            ipc.send(self._socket, {"document": "sent", "keep": keep}, [*strings, document])

    def forget(self) -> None:
        """The process lets go of the document that it keeps; only between two calls."""
        with suppress(OSError):  # it has ended: that shows with the next piece of work
            ipc.send(self._socket, {"forget": True})

    def kill(self) -> None:
        """End it, whatever it does; more than once does no harm."""
        if self._process.poll() is None:  # else its pid may belong to another process by now
            _kill_children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._socket.close()


def _kill_children(pid: int) -> None:
    """Kill the gpg that it started. The process itself is stopped meanwhile, so that it starts no other."""
    with suppress(OSError):  # it has ended
        os.kill(pid, signal.SIGSTOP)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                with suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
