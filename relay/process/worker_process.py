"""A process beside this one that does what takes long: it has an interpreter lock of its own.

`Helper` starts `python -m relay.process.worker_process` and speaks with it over a socket pair, one piece of work at
a time (`relay.process.ipc`): a function of the relay and its arguments there, its result or `RelayError` back. The
process runs at a lower priority, ignores the signals of a terminal or a service manager, and ends when this one
does. All calls block: they belong into a thread. Raises `EngineError` when the process broke off, `EngineTimeout`
when it did not answer in time: then it has been killed.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from relay.model.errors import EngineError, EngineTimeout, RelayError
from relay.process import ipc
from relay.process.memory import return_large
from relay.process.priority import give_way

NICE = 10

_TIME = struct.Struct("@ll")
_SOURCE = Path(__file__).resolve().parents[2]


class Helper:
    """One such process; start it by making one."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603  ourselves
                    [sys.executable, "-P", "-m", "relay.process.worker_process", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    cwd="/",
                    env={**os.environ, "PYTHONPATH": str(_SOURCE)},
                    process_group=0,  # not a session: see `relay.process.priority`
                )
            except OSError as error:
                ours.close()
                raise EngineError("no process can be started for a large message") from error
        self._socket = ours

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be given more."""
        return self._socket.fileno() >= 0 and self._process.poll() is None

    def do(self, seconds: float, work: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401  what the work returns
        """What `work` returns or raises there."""
        try:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._socket.setsockopt(socket.SOL_SOCKET, option, _TIME.pack(int(seconds) + 1, 0))
            ipc.send(self._socket, (work, given, named))
            raised, result = ipc.receive(self._socket)
        except BlockingIOError:
            self.kill()
            raise EngineTimeout("a large message took too long") from None
        except (OSError, EOFError):
            self.kill()
            raise EngineError("the process for large messages broke off") from None
        if raised:
            raise result
        return result

    def kill(self) -> None:
        """End it, whatever it does; more than once does no harm."""
        if self._process.poll() is None:  # else its number may be somebody else's by now
            _kill_children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._socket.close()


def _kill_children(pid: int) -> None:
    """Its gpg, of which nobody else would know any more; it stands still meanwhile, and starts no other."""
    with suppress(OSError):  # it has ended
        os.kill(pid, signal.SIGSTOP)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                with suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)


def _serve(channel: socket.socket) -> None:
    """Until the other end is closed."""
    with asyncio.Runner() as runner, suppress(EOFError, ConnectionError):
        while True:
            ipc.send(channel, _done(runner, channel))


def _done(runner: asyncio.Runner, channel: socket.socket) -> tuple[bool, object]:
    """The next piece of work. What it was given is a coroutine's alone: it can let go of it."""
    work, given, named = ipc.receive(channel)
    try:
        result = work(*given, **named)
        del given, named
        return False, runner.run(result) if inspect.iscoroutine(result) else result
    except RelayError as error:
        return True, error
    except Exception as error:  # noqa: BLE001  told at the other end, by its type alone
        return True, EngineError(f"a large message could not be worked on: {type(error).__name__}")


def main() -> None:
    """The process's side."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    give_way(NICE)
    return_large()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        _serve(channel)


if __name__ == "__main__":
    main()
