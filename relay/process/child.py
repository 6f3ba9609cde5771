"""Programs of our own in processes of their own: `python -m MODULE DESCRIPTOR`.

The descriptor is the program's end of a socket pair; both ends exchange frames (`relay.process.ipc`). Promises that the
module is loaded from where this one was, that no other descriptor is inherited but those passed, and that standard
input is empty. The caller that starts one ends it; where this process is killed, the program sees the end of its
channel. Raises `OSError` where no process can be started.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.process.ipc import Channel

_SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Program:
    """What is started, and in what surroundings."""

    module: str
    environment: Mapping[str, str] | None = None
    """None: this process's own."""
    folder: str | None = "/"
    """The working directory; None: this process's own."""
    silent: bool = False
    """Its output is discarded: a library may print text that must not be in a log."""
    session: bool = False
    """In a session of its own, which a terminal's signals do not reach; else in a process group of its own within this
    session, so that its priority counts (`relay.process.priority`)."""

    def run(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """The process, and our end of its channel, for a thread that waits."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(self._command(theirs), **self._options(theirs))  # noqa: S603  ourselves
            except BaseException:
                ours.close()
                raise
        return process, ours

    async def start(self, passing: Sequence[int] = ()) -> Child:
        """The same for an event loop. `passing` are more descriptors that it inherits."""
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await Channel.open(ours)
            try:
                process = await asyncio.create_subprocess_exec(*self._command(theirs), **self._options(theirs, passing))
            except BaseException:  # a cancellation too
                channel.close()
                raise
        return Child(process, channel)

    def _command(self, theirs: socket.socket) -> list[str]:
        return [sys.executable, "-P", "-m", self.module, str(theirs.fileno())]

    def _options(self, theirs: socket.socket, passing: Sequence[int] = ()) -> dict[str, Any]:
        nowhere = subprocess.DEVNULL if self.silent else None
        environment = os.environ if self.environment is None else self.environment
        return {
            "stdin": subprocess.DEVNULL,
            "stdout": nowhere,
            "stderr": nowhere,
            "pass_fds": [theirs.fileno(), *passing],
            "cwd": self.folder,
            "env": {**environment, "PYTHONPATH": str(_SOURCE)},
            **({"start_new_session": True} if self.session else {"process_group": 0}),
        }


class Child:
    """A program that was started."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.channel = channel
        self._process = process

    @property
    def pid(self) -> int:
        """The process id, also after its end."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended: an exit status, or a signal's number below 0; None while it runs."""
        return self._process.returncode

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it now; `wait` reaps it."""
        with suppress(ProcessLookupError):  # it has ended by itself
            self._process.kill()

    async def wait(self) -> int:
        """Wait until it has ended; returns its `status`."""
        return await self._process.wait()


def use_pidfd() -> None:
    """Wait for children through pidfd_open(2) in the running loop, not with a thread a child.

    Python 3.12 does so by itself; a kernel before 5.3 keeps the threads.
    """
    if sys.version_info < (3, 12):
        with suppress(OSError):
            os.close(os.pidfd_open(os.getpid()))
            watcher = asyncio.PidfdChildWatcher()
            watcher.attach_loop(asyncio.get_running_loop())
            asyncio.set_child_watcher(watcher)
