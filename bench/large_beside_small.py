"""Do large mails stop the small ones? p99 of 10 KB mails while 20 MB mails are encrypted, against its quiet value.

    python bench/large_beside_small.py [ENGINE…] [--rounds N] [--mails N] [--large N]

One relay with one worker, signing, in front of a next hop with a process a connection (smtp-sink would not do: it reads
one message to its end before it looks at another). A client sends 10 KB mails one after the other with a
pause between; in every other round three other clients send 20 MB mails without a pause. Quiet and busy rounds
alternate, so that what else runs on the machine meets both alike. The promise is a ratio of at most 4.
"""

from __future__ import annotations

import argparse
import base64
import json
import multiprocessing
import os
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import subjects
from lab.ports import free_port
from load import KNOWN, Probe, await_port
from plan import LARGE, SMALL
from subjects import Subject

PAUSE = 0.01
IN_FLIGHT = 3
ENOUGH = 4
"""Large mails that a round has at least; more small ones are sent until then."""
HEAD = f"From: a@hopital.example\r\nTo: {KNOWN}\r\nSubject: bench\r\nMIME-Version: 1.0\r\n".encode()
_SINK = {b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("engines", nargs="*", default=["gnupg", "sequoia"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--mails", type=int, default=300)
    options.add_argument("--large", type=int, default=IN_FLIGHT, help="mails of 20 MB in flight")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    for engine in chosen.engines:
        told = measure(engine, chosen.rounds, chosen.mails, chosen.large)
        print(json.dumps(told) if chosen.json else _sentence(told), flush=True)


def measure(engine: str, rounds: int, mails: int, in_flight: int = IN_FLIGHT) -> dict[str, object]:
    quiet: list[float] = []
    busy: list[float] = []
    large = 0
    with relay(engine) as subject:
        port = subject.ports["lmtp"]
        small(port, 30)
        with heavy(port, in_flight) as count:  # the first large mail starts what large mails need
            while not count.value:
                time.sleep(0.05)
        for _ in range(rounds):
            quiet += small(port, mails)
            with heavy(port, in_flight) as count:
                while not count.value:
                    time.sleep(0.05)
                busy += small(port, mails)
                while count.value < ENOUGH:
                    busy += small(port, mails // 10)
                large += count.value
    return {
        "engine": engine,
        "quiet_p50_ms": _ms(quiet, 50),
        "quiet_p99_ms": _ms(quiet, 99),
        "busy_p50_ms": _ms(busy, 50),
        "busy_p99_ms": _ms(busy, 99),
        "ratio_p50": round(percentile(busy, 50) / percentile(quiet, 50), 2),
        "ratio_p99": round(percentile(busy, 99) / percentile(quiet, 99), 2),
        "large_mails": large,
        "small_mails": len(busy),
    }


def _sentence(told: dict[str, object]) -> str:
    return (
        "{engine}: 10 KB mails p50 {quiet_p50_ms} ms, p99 {quiet_p99_ms} ms; beside {large_mails} mails of 20 MB "
        "p50 {busy_p50_ms} ms (x {ratio_p50}), p99 {busy_p99_ms} ms (x {ratio_p99})".format(**told)
    )


def percentile(values: list[float], percent: int) -> float:
    """Between the neighbours where it falls between two."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _ms(values: list[float], percent: int) -> float:
    return round(percentile(values, percent) * 1000, 1)


def content(size: int) -> bytes:
    """A mail with an attachment, as people send them."""
    raw = base64.encodebytes(os.urandom(size * 3 // 4)).replace(b"\n", b"\r\n")
    return HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + raw


def small(port: int, mails: int) -> list[float]:
    """Seconds from MAIL to the last reply, for each."""
    client, wire, taken = Probe(port, lmtp=True, size=0), content(SMALL) + b".\r\n", []
    for _ in range(mails):
        begun = time.perf_counter()
        client.send(KNOWN, wire)
        taken.append(time.perf_counter() - begun)
        time.sleep(PAUSE)
    return taken


@contextmanager
def heavy(port: int, clients: int) -> Iterator[Synchronized[int]]:
    """So many other clients that send large mails until the end of the block; how many were taken."""
    count, wire = multiprocessing.Value("i", 0), content(LARGE) + b".\r\n"
    processes = [multiprocessing.Process(target=_send_large, args=(port, wire, count)) for _ in range(clients)]
    for process in processes:
        process.start()
    try:
        yield count
    finally:
        for process in processes:
            process.terminate()
            process.join()
        time.sleep(1)  # what was in flight ends


def _send_large(port: int, wire: bytes, count: Synchronized[int]) -> None:
    client = Probe(port, lmtp=True, size=0)
    while True:
        client.send(KNOWN, wire)
        with count.get_lock():
            count.value += 1


@contextmanager
def relay(engine: str, *program: str | Path, certificates: int = 1) -> Iterator[Subject]:
    """One that knows `KNOWN`, or more, in front of such a next hop; `program` serves."""
    with next_hop() as sink, TemporaryDirectory(prefix="pb", dir="/tmp") as folder:
        stock = subjects.stocked(Path(folder, "stock"), certificates)
        with subjects.relay(sink, engine, stock, program=program) as subject:
            yield subject


@contextmanager
def next_hop() -> Iterator[int]:
    """A process with a thread a connection, which takes everything; its port."""
    port = free_port()
    process = multiprocessing.Process(target=_next_hop, args=(port,))
    process.start()
    try:
        await_port(port)
        yield port
    finally:
        process.terminate()
        process.join()


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


if __name__ == "__main__":
    main()
