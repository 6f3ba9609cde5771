"""Load: Postfix's smtp-source, connections of our own that look at their watch, and Postfix's smtp-sink behind.

smtp-source tells no latencies, so of N sessions one in five is ours (of 20 MB: one), which sends the same messages and
times each from MAIL to the last reply; with one session ours sends after smtp-source has ended. Connections are kept.
Each mail names its recipient in To. smtp-source sends all of its mails to one recipient, so there are several of it, up
to nine, each for another one of `PEOPLE`. Raises `SystemExit` where a mail is not taken.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from lab.ports import free_port
from plan import LARGE

HOST = "127.0.0.1"
SENDER = "doctor@hopital.example"
KNOWN = "known@ville.example"
PEOPLE = 500
"""Recipients with a real certificate."""
PROCESSES = 9
ALONE = 0.5
"""How many more mails our own connection sends where smtp-source had one session alone."""

_numbers = itertools.count()


def somebody() -> str:
    """The next recipient."""
    return f"{next(_numbers) % (PEOPLE - 1) + 1}{KNOWN}"


@dataclass(slots=True)
class Run:
    """What one run took."""

    mails: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    extra: int = 0
    """Mails sent after the time was taken: they cost processor time too."""


def run(port: int, *, lmtp: bool, size: int, sessions: int, mails: int) -> Run:
    """Send so many, or a few more. Raises `SystemExit` where one is not taken."""
    if sessions == 1:
        seconds = send(port, lmtp=lmtp, size=size, sessions=1, mails=mails)
        probe = Probe(port, lmtp=lmtp, size=size)
        own = [probe.timed() for _ in range(max(1, int(mails * ALONE)))]
        return Run(mails, seconds, own, extra=len(own))
    ours = max(1, sessions // 5) if size < LARGE else 1
    theirs = max(mails - mails * ours // sessions, sessions - ours)
    begun = time.perf_counter()
    with _sources(port, lmtp=lmtp, size=size, sessions=sessions - ours, mails=theirs) as processes:
        own = _timed(ours, processes, partial(Probe, port, lmtp=lmtp, size=size))
    return Run(theirs + len(own), time.perf_counter() - begun, own)


def _timed(
    connections: int, processes: Sequence[subprocess.Popen[bytes]], connected: Callable[[], Probe]
) -> list[float]:
    """Latencies of our own mails, sent while the processes send theirs; one each at least."""

    def probed(_number: int) -> list[float]:
        probe = connected()
        own: list[float] = []
        while not own or any(process.poll() is None for process in processes):
            own.append(probe.timed())
        return own

    with ThreadPoolExecutor(connections) as threads:
        return [latency for own in threads.map(probed, range(connections)) for latency in own]


def send(port: int, *, lmtp: bool, size: int, sessions: int, mails: int) -> float:
    """smtp-source alone, to several recipients; seconds."""
    begun = time.perf_counter()
    with _sources(port, lmtp=lmtp, size=size, sessions=sessions, mails=mails):
        pass
    return time.perf_counter() - begun


def source(port: int, *options: str, lmtp: bool, size: int = 0, sessions: int = 1) -> float:
    """smtp-source alone, to `KNOWN`; seconds."""
    begun = time.perf_counter()
    with _source(port, *options, lmtp=lmtp, size=size, sessions=sessions):
        pass
    return time.perf_counter() - begun


@contextmanager
def _sources(port: int, *, lmtp: bool, size: int, sessions: int, mails: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Until the last one has sent all of its mails."""
    count = min(sessions, PROCESSES)
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                _source(port, "-m", str(own), recipient=somebody(), lmtp=lmtp, size=size, sessions=share)
            )
            for own, share in zip(_shares(mails, count), _shares(sessions, count), strict=True)
        ]


def _shares(total: int, count: int) -> list[int]:
    return [total // count + (at < total % count) for at in range(count)]


@contextmanager
def _source(
    port: int, *options: str, lmtp: bool, size: int = 0, sessions: int = 1, recipient: str = KNOWN
) -> Iterator[subprocess.Popen[bytes]]:
    """Until it has sent all of its mails."""
    words = ["smtp-source", "-d", "-s", str(sessions), "-f", SENDER, "-t", recipient, "-C", "10"]
    words += [*(["-L"] if lmtp else []), *(["-l", str(size)] if size else [])]
    process = subprocess.Popen([*words, *options, f"{HOST}:{port}"])
    try:
        yield process
        if process.wait(600):
            raise SystemExit("smtp-source: a mail was not taken")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


class Probe:
    """A connection that is kept. What it sends is what smtp-source sends."""

    def __init__(self, port: int, *, lmtp: bool, size: int, sender: str = SENDER) -> None:
        self._sender = sender
        self._socket = socket.create_connection((HOST, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._body = b"\r\n" + (b"X" * 78 + b"\r\n") * (size // 80) + b".\r\n"
        self._demand(b"2")
        self._say(b"%s bench.example" % (b"LHLO" if lmtp else b"EHLO"))

    def timed(self) -> float:
        """One mail; seconds."""
        begun = time.perf_counter()
        to, number = somebody(), next(_numbers)
        head = f"From: <{SENDER}>\r\nTo: <{to}>\r\nMessage-Id: <{number}.{os.getpid()}@probe>\r\n"
        self.send(to, head.encode(), self._body)
        return time.perf_counter() - begun

    def send(self, recipient: str, *wire: bytes) -> None:
        """What is on the wire after DATA, dots stuffed, with its final dot."""
        for line in (f"MAIL FROM:<{self._sender}>", f"RCPT TO:<{recipient}>", "DATA"):
            self._say(line.encode())
        for octets in wire:
            self._socket.sendall(octets)
        self._demand(b"2")

    def _say(self, line: bytes) -> None:
        self._socket.sendall(line + b"\r\n")
        self._demand(b"23")

    def _demand(self, classes: bytes) -> None:
        while (line := self._file.readline())[3:4] == b"-":
            pass
        if line[:1] not in classes:
            raise SystemExit(f"a mail was not taken: {line!r}")


@contextmanager
def sink(port: int | None = None) -> Iterator[tuple[int, int]]:
    """smtp-sink: its port and its process."""
    port = port or free_port()
    user = ["-u", "postfix"] if os.geteuid() == 0 else []
    process = subprocess.Popen(["smtp-sink", *user, "-t", "3600", f"{HOST}:{port}", "1000"])
    try:
        await_port(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def await_port(port: int) -> None:
    """Return when somebody listens."""
    for _ in range(600):
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nobody listens on port {port}")
