"""The program as a process forked from one that has loaded it already.

Loading takes longer than most commands run, and the tests start hundreds of them. What runs is the same as `pgp-relay`
from its entry point to its exit status, with an environment, a folder, a session and three files of its own. After
its exit handlers it ends at once: to take down all that was loaded takes longer than most commands run, too. That it
starts from nothing and ends as programs do is shown by the tests of the commands, of the service manager and of the
whole way.

`run` and `start` are as `subprocess` has them; `Child` is as its `Popen`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

_LARGEST = 1 << 16
_asking = threading.Lock()


class Child:
    """One process, until `wait` has told its status."""

    def __init__(self, pid: int, end: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = end

    def poll(self) -> int | None:
        """Its status, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float) -> int:
        """Its status: an exit status, or the signal's negative number."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has, and that is not told yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float) -> int | None:
        if self.returncode is None and select.select([self._end], [], [], seconds)[0]:
            self.returncode = json.loads(os.read(self._end, 100))
            os.close(self._end)
        return self.returncode


def start(
    words: Sequence[str | Path], *, files: tuple[int, int, int], cwd: Path, env: Mapping[str, str], altered: str = ""
) -> Child:
    """`pgp-relay WORDS` in a session of its own; `files` become its standard input, output and error.

    `altered` is Python that is run before it, as a careless change to the program.
    """
    end, theirs = os.pipe()
    try:
        asked = pickle.dumps(([str(word) for word in words], str(cwd), dict(env), altered))
        with _asking:  # a test may start two at once, in threads: each gets its own child's number
            channel = _parent()
            socket.send_fds(channel, [asked], [*files, theirs])
            return Child(int(channel.recv(_LARGEST)), end)
    finally:
        os.close(theirs)


def run(  # noqa: PLR0913  as `start`
    words: Sequence[str | Path],
    *,
    content: bytes,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    altered: str = "",
) -> subprocess.CompletedProcess[bytes]:
    """To its end, with this on its standard input."""
    with _unnamed(content) as given, _unnamed() as out, _unnamed() as err:
        child = start(words, files=(given.fileno(), out.fileno(), err.fileno()), cwd=cwd, env=env, altered=altered)
        try:
            status = child.wait(timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(10)
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(list(words), status, out.read(), err.read())


def _unnamed(content: bytes = b"") -> IO[bytes]:
    file = os.fdopen(os.memfd_create("pgp-relay"), "w+b")
    file.write(content)
    file.seek(0)
    return file


@cache
def _parent() -> socket.socket:
    """The channel to it; it ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait(10)

    atexit.register(close)
    return ours


# In the parent of the programs


def _serve(channel: socket.socket) -> tuple[Any, list[int]]:
    """Until the tests end. In each child it returns what was asked for, and the child's files."""
    running: dict[int, tuple[int, int]] = {}
    while True:
        waiting: list[Any] = [channel, *running]
        for ready in select.select(waiting, [], [])[0]:
            if ready is not channel:
                _tell(ready, *running.pop(ready))
                continue
            asked, files, _, _ = socket.recv_fds(channel, _LARGEST, 4)
            if not asked:
                sys.exit()
            pid = os.fork()
            if not pid:
                for descriptor, (_, end) in running.items():
                    os.close(descriptor)
                    os.close(end)
                channel.close()
                return pickle.loads(asked), files  # noqa: S301  from the test that started this process
            running[os.pidfd_open(pid)] = pid, files[3]
            for file in files[:3]:
                os.close(file)
            channel.send(str(pid).encode())


def _tell(descriptor: int, pid: int, end: int) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(descriptor)
    with suppress(BrokenPipeError):  # nobody wants to know
        os.write(end, json.dumps(status).encode())
    os.close(end)


def _become(asked: tuple[list[str], str, dict[str, str], str], files: list[int]) -> None:
    """The program, as if it had just been started."""
    words, folder, environment, altered = asked
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(sys.executable).with_name("pgp-relay")), *words]
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115  as the interpreter makes them
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115  open for the process's life
    exec(altered, {})  # noqa: S102  from the test that started this process


class _End:
    """Of the process, once its threads have ended and its exit handlers were called, which is where a program ends.

    Made before anything else, it is called behind all other handlers. Where it knows no status it does nothing.
    """

    def __init__(self) -> None:
        self._status: int | None = None
        atexit.register(self._exit)

    def of(self, program: Callable[[], object]) -> None:
        """Call it; how it exits is the process's end."""
        try:
            program()
        except SystemExit as end:
            self._status = end.code if isinstance(end.code, int) else None
            raise

    def _exit(self) -> None:
        if self._status is not None:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()  # what fails here fails again as the interpreter does it, and is told by it
            os._exit(self._status)


def _load() -> None:
    commands = [f"cli.{module}" for module in modules()]
    services = ("daemon.build", "keys.wkd.source", "web.control", "web.console.service", "web.public.service")
    for name in (*services, *commands):
        importlib.import_module(f"relay.{name}")
    gc.freeze()


if __name__ == "__main__":
    end = _End()

    from relay.cli.commands import modules
    from relay.cli.main import main

    _load()
    _become(*_serve(socket.socket(fileno=int(sys.argv[1]))))
    end.of(main)
