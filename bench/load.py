"""Load: Postfix's smtp-source, a connection of our own that looks at its watch, and Postfix's smtp-sink behind.

smtp-source tells no latencies, so of N sessions N - 1 are its own and one is ours, which sends the same messages and
times each from MAIL to the last reply; with one session ours sends after smtp-source has ended. Connections are kept.
Recipients are numbered: every mail of a run has another one. Raises `SystemExit` where a mail is not taken.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.ports import free_port

HOST = "127.0.0.1"
SENDER = "doctor@hopital.example"
KNOWN = "known@ville.example"
ALONE = 0.4
"""How many more mails our own connection sends where smtp-source had one session alone."""


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
        seconds = source(port, "-N", "-m", str(mails), lmtp=lmtp, size=size)
        own = [
            _timed(probe) for probe in [Probe(port, lmtp=lmtp, size=size)] for _ in range(max(1, int(mails * ALONE)))
        ]
        return Run(mails, seconds, own, extra=len(own))
    own = []
    begun = time.perf_counter()
    with _source(port, "-N", "-m", str(max(mails, sessions)), lmtp=lmtp, size=size, sessions=sessions - 1) as process:
        probe = Probe(port, lmtp=lmtp, size=size)
        while not own or process.poll() is None:
            own.append(_timed(probe))
        _demand(process)
    return Run(max(mails, sessions) + len(own), time.perf_counter() - begun, own)


def source(port: int, *options: str, lmtp: bool, size: int = 0, sessions: int = 1) -> float:
    """smtp-source alone; seconds."""
    begun = time.perf_counter()
    with _source(port, *options, lmtp=lmtp, size=size, sessions=sessions) as process:
        _demand(process)
    return time.perf_counter() - begun


@contextmanager
def _source(
    port: int, *options: str, lmtp: bool, size: int = 0, sessions: int = 1
) -> Iterator[subprocess.Popen[bytes]]:
    words = ["smtp-source", "-d", "-s", str(sessions), "-f", SENDER, "-t", KNOWN, "-C", "10"]
    words += [*(["-L"] if lmtp else []), *(["-l", str(size)] if size else [])]
    process = subprocess.Popen([*words, *options, f"{HOST}:{port}"])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _demand(process: subprocess.Popen[bytes]) -> None:
    if process.wait(600):
        raise SystemExit("smtp-source: a mail was not taken")


def _timed(probe: Probe) -> float:
    begun = time.perf_counter()
    probe.send()
    return time.perf_counter() - begun


class Probe:
    """A connection that is kept. What it sends is what smtp-source sends, with a number of its own."""

    def __init__(self, port: int, *, lmtp: bool, size: int) -> None:
        self._socket = socket.create_connection((HOST, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._body = b"\r\n" + (b"X" * 78 + b"\r\n") * (size // 80) + b".\r\n"
        self._number = 0
        self._demand(b"2")
        self._say(b"%s bench.example" % (b"LHLO" if lmtp else b"EHLO"))

    def send(self) -> None:
        """One mail."""
        self._number += 1
        head = f"From: <{SENDER}>\r\nTo: <{KNOWN}>\r\nMessage-Id: <{self._number}.{os.getpid()}@probe>\r\n"
        for line in (f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{self._number % 900 + 1}{KNOWN}>", "DATA"):
            self._say(line.encode())
        self._socket.sendall(head.encode() + self._body)
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
