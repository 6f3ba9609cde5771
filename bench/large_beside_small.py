"""Does a large mail stop the small ones? p99 of 10 KB mails while 20 MB mails are sealed, against its quiet value.

    python bench/large_beside_small.py [ENGINE…] [--rounds N] [--mails N]

One relay with one worker, signing, in front of a next hop with a thread a connection (smtp-sink would not do: it reads
one message to its end before it looks at another). A client sends 10 KB mails one after the other with a
pause between; in every other round a second client sends 20 MB mails without a pause. Quiet and busy rounds
alternate, so that what else runs on the machine meets both alike. The promise is a ratio under 3.
"""

from __future__ import annotations

import argparse
import base64
import json
import multiprocessing
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

SMALL, LARGE = 10_000, 20_000_000
PAUSE = 0.01
ADDRESS = "known@ville.example"
HEAD = f"From: a@hopital.example\r\nTo: {ADDRESS}\r\nSubject: bench\r\nMIME-Version: 1.0\r\n".encode()
_SINK = {b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"}
PROGRAM = (sys.executable, "-m", "relay")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("engines", nargs="*", default=["gnupg", "sequoia"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--mails", type=int, default=300)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    for engine in chosen.engines:
        told = measure(engine, chosen.rounds, chosen.mails)
        print(json.dumps(told) if chosen.json else _sentence(told), flush=True)


def measure(engine: str, rounds: int, mails: int) -> dict[str, object]:
    quiet: list[float] = []
    busy: list[float] = []
    large = 0
    with relay(engine) as (port, _):
        small(port, 30)
        with heavy(port) as count:  # the first large mail starts what large mails need
            while not count.value:
                time.sleep(0.05)
        for _ in range(rounds):
            quiet += small(port, mails)
            with heavy(port) as count:
                while not count.value:
                    time.sleep(0.05)
                busy += small(port, mails)
                large += count.value
    return {
        "engine": engine,
        "quiet_p50_ms": _ms(quiet, 50),
        "quiet_p99_ms": _ms(quiet, 99),
        "busy_p50_ms": _ms(busy, 50),
        "busy_p99_ms": _ms(busy, 99),
        "ratio_p50": round(_percentile(busy, 50) / _percentile(quiet, 50), 2),
        "ratio_p99": round(_percentile(busy, 99) / _percentile(quiet, 99), 2),
        "large_mails": large,
        "small_mails": len(busy),
    }


def _sentence(told: dict[str, object]) -> str:
    return (
        "{engine}: 10 KB mails p50 {quiet_p50_ms} ms, p99 {quiet_p99_ms} ms; beside {large_mails} mails of 20 MB "
        "p50 {busy_p50_ms} ms (x {ratio_p50}), p99 {busy_p99_ms} ms (x {ratio_p99})".format(**told)
    )


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _ms(values: list[float], percent: int) -> float:
    return round(_percentile(values, percent) * 1000, 1)


def content(size: int) -> bytes:
    """A mail with an attachment, as people send them."""
    raw = base64.encodebytes(os.urandom(size * 3 // 4)).replace(b"\n", b"\r\n")
    return HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + raw


class Client:
    """An LMTP connection that is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._reply()
        self._say(b"LHLO bench.example")

    def send(self, wire: bytes) -> None:
        """One mail, dots stuffed, with its final dot."""
        for line in (b"MAIL FROM:<a@hopital.example>", f"RCPT TO:<{ADDRESS}>".encode(), b"DATA"):
            self._say(line)
        self._socket.sendall(wire)
        self._demand(b"2")

    def _say(self, line: bytes) -> None:
        self._socket.sendall(line + b"\r\n")
        self._demand(b"23")

    def _demand(self, classes: bytes) -> None:
        if (reply := self._reply())[:1] not in classes:
            raise SystemExit(reply)

    def _reply(self) -> bytes:
        while (line := self._file.readline())[3:4] == b"-":
            pass
        return line


def small(port: int, mails: int) -> list[float]:
    """Seconds from MAIL to the last reply, for each."""
    client, wire, taken = Client(port), content(SMALL) + b".\r\n", []
    for _ in range(mails):
        begun = time.perf_counter()
        client.send(wire)
        taken.append(time.perf_counter() - begun)
        time.sleep(PAUSE)
    return taken


@contextmanager
def heavy(port: int) -> Iterator[Synchronized[int]]:
    """A second client that sends large mails until the end of the block; how many were taken."""
    count = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=_send_large, args=(port, count))
    process.start()
    try:
        yield count
    finally:
        process.terminate()
        process.join()
        time.sleep(1)  # what was in flight ends


def _send_large(port: int, count: Synchronized[int]) -> None:
    client, wire = Client(port), content(LARGE) + b".\r\n"
    while True:
        client.send(wire)
        count.value += 1


@contextmanager
def relay(engine: str, program: Sequence[str] = PROGRAM) -> Iterator[tuple[int, int]]:
    """Port and process id of a relay that knows `ADDRESS` and signs; `program` serves."""
    folder = Path(tempfile.mkdtemp(prefix="pb", dir="/tmp"))  # a short path: gpg-agent's socket
    port, sink = _free_port(), _free_port()
    settings = {
        "listen": [f"lmtp://127.0.0.1:{port}"],
        "reinject": f"smtp://127.0.0.1:{sink}",
        "lookup": {"sources": ["keyring"]},
        "policy": [{"name": "everyone", "encrypt": "required"}],
        "engine": engine,
        "log": {"level": "error"},
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(settings))
    processes: list[subprocess.Popen[bytes]] = []
    next_hop = multiprocessing.Process(target=_next_hop, args=(sink,))
    command = [*PROGRAM, "-c", str(file)]
    try:
        subprocess.run(
            [*command, "keys", "generate", "Bench", "bench@hopital.example"], check=True, capture_output=True
        )
        subprocess.run([*command, "keys", "import", "-"], input=_certificate(folder), check=True, capture_output=True)
        file.write_text(json.dumps({**settings, "sign": {"default": "bench@hopital.example"}}))
        next_hop.start()
        processes.append(subprocess.Popen([*program, "-c", str(file), "serve"]))
        _await(sink)
        _await(port)
        yield port, processes[0].pid
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(40)
        next_hop.terminate()
        for home in (folder / "keyring", folder / "other"):
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _next_hop(port: int) -> None:
    """Takes everything and forgets it."""
    with socket.create_server(("127.0.0.1", port), backlog=100) as server:
        while True:
            threading.Thread(target=_serve, args=(server.accept()[0],), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    with suppress(OSError):
        _take(connection)


def _take(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"220 sink\r\n")
    while command := connection.recv(1 << 16):
        lines = command.upper().split(b"\r\n")[:-1]
        for line in lines:
            connection.sendall(b"354 go\r\n" if line == b"DATA" else _SINK.get(line[:4], b"250 2.0.0 Ok\r\n"))
        if lines and lines[-1] == b"DATA":
            end = b""
            while not end.endswith(b"\r\n.\r\n"):
                end = (end + connection.recv(1 << 18))[-5:]
            connection.sendall(b"250 2.0.0 Ok\r\n")


def _certificate(folder: Path) -> bytes:
    home = folder / "other"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", f"<{ADDRESS}>", "future-default"], check=True, capture_output=True)
    return subprocess.run([*gpg, "--export"], check=True, capture_output=True).stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("it does not start")


if __name__ == "__main__":
    main()
