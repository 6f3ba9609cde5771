"""Beside other programs that encrypt mail: each is the content filter of a real Postfix of its own; they take turns.

    python bench/peers.py [--zeyple FOLDER] [--gpgmail FOLDER] [--keys N] [--rounds N] [--results FOLDER]

A folder is a checkout of that program, which no package index has. Debian's python3-gpg is needed for Zeyple, msmtp for
gpgmail. Every program knows the same certificates and encrypts each mail, which is looked at before; the relay signs
besides, and writes its trace. Told are, for 10 KB and 1 MB:

- mails a second from the first command to the empty queue, ten sessions;
- processor time of a mail: Postfix, the program and all they start;
- the delay of the filtered delivery, as Postfix logs it: half of them and 99 of 100 are shorter;
- the memory of everything at its peak, pages that processes share counted in each;
- the processor time of a mail of 10 KB where `--keys` certificates are known in place of 500.

Writes JSON and a chart.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import chart
import filters
import load
import subjects
from filters import PROGRAMS, Peer
from lab.ports import free_port
from lab.processes import peak
from plan import MIDDLE, NAMES, SMALL

SESSIONS = 10
PATIENCE = 60
"""Seconds for one mail, alone."""
TEXT = b"X" * 70
"""Stands in every mail that is sent."""
_DELAY = re.compile(r"postfix/(?:pipe|lmtp)\[\d+\]: .* delay=([0-9.]+),")


@dataclass
class Seen:
    """What was measured of one program."""

    rounds: list[tuple[float, float]] = field(default_factory=list)
    """Mails a second, and milliseconds of processor time a mail."""
    delays: list[float] = field(default_factory=list)
    memory: float = 0.0

    def row(self, name: str, size: int) -> dict[str, object]:
        waited = sorted(self.delays)
        rates, costs = zip(*self.rounds[1:], strict=True)
        return {
            "program": name,
            "size": size,
            "mails_a_second": round(statistics.median(rates), 2),
            "cpu_ms": round(statistics.median(costs), 2),
            "p50_s": round(statistics.median(waited), 2),
            "p99_s": round(waited[max(0, int(len(waited) * 0.99) - 1)], 2),
            "memory_mb": round(self.memory, 1),
            "timed": len(waited),
            "protocol": "lmtp",
            "sessions": SESSIONS,
        }


def delays(peer: Peer) -> list[float]:
    return [float(found) for found in _DELAY.findall(peer.mta.log)]


def once(peer: Peer, size: int, mails: int) -> tuple[float, float]:
    """Mails a second, and milliseconds of processor time a mail."""
    before, begun = peer.seconds(), time.perf_counter()
    load.send(peer.mta.port, lmtp=False, size=size, sessions=min(SESSIONS, mails), mails=mails)
    while not peer.mta.is_empty():
        time.sleep(0.02)
    took = time.perf_counter() - begun
    return mails / took, (peer.seconds() - before) / mails * 1000


def rows(peers: Sequence[Peer], size: int, rounds: int, seconds: float) -> list[dict[str, object]]:
    """One a program; how many mails it gets follows from its pace, once it is known."""
    found = {peer.name: Seen() for peer in peers}
    for number in range(rounds):
        for peer in peers if number % 2 else reversed(peers):
            seen = found[peer.name]
            mails = max(SESSIONS, int(seen.rounds[-1][0] * seconds)) if seen.rounds else 2 * SESSIONS
            known = len(delays(peer))
            with ExitStack() as stack:
                weights = [stack.enter_context(peak(family)) for family in peer.families]
                seen.rounds.append(once(peer, size, mails))
            seen.memory = max(seen.memory, sum(each.octets for each in weights) / 1e6)
            if number:
                seen.delays += delays(peer)[known:]
    return [seen.row(name, size) for name, seen in found.items()]


def prove(peers: Sequence[Peer], port: int) -> None:
    """Send a mail through each, and look at what arrives. Raises `SystemExit` where one does not encrypt."""
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        shutil.chown(name, "postfix")
        words = ["smtp-sink", "-u", "postfix", "-d", f"{name}/%M.", f"{load.HOST}:{port}", "100"]
        sink = subprocess.Popen(words)
        try:
            load.await_port(port)
            for number, peer in enumerate(peers, 1):
                load.send(peer.mta.port, lmtp=False, size=SMALL, sessions=1, mails=1)
                end = time.monotonic() + PATIENCE
                while len(arrived := [file.read_bytes() for file in Path(name).iterdir()]) < number:
                    if time.monotonic() > end:
                        sys.exit(f"{peer.name} passes no mail on")
                    time.sleep(0.1)
                if any(TEXT in mail or b"BEGIN PGP MESSAGE" not in mail for mail in arrived):
                    sys.exit(f"{peer.name} has not encrypted a mail")
        finally:
            sink.terminate()
            sink.wait()


@contextmanager
def programs(options: argparse.Namespace, folder: Path, count: int, sink: int) -> Iterator[list[Peer]]:
    """All of them, which know so many certificates."""
    stock = subjects.stocked(folder / f"of-{count}", count, people=count)
    with ExitStack() as stack:
        keys = stack.enter_context(filters.home(stock.parents[1] / "certificates.pgp"))
        peers = [stack.enter_context(filters.relay(engine, stock, sink)) for engine in ("gnupg", "sequoia")]
        for option, program in PROGRAMS.items():
            if checkout := getattr(options, option):
                peers.append(stack.enter_context(program.at_work(checkout, keys, sink)))
        prove(peers, sink)
        with load.sink(sink):
            yield peers


def measure(options: argparse.Namespace, folder: Path) -> dict[str, list[dict[str, object]]]:
    """Both tables."""
    result: dict[str, list[dict[str, object]]] = {"matrix": [], "keys": []}
    sink = free_port()
    with programs(options, folder, load.PEOPLE, sink) as peers:
        for size in (SMALL, MIDDLE):
            result["matrix"] += rows(peers, size, options.rounds, options.seconds)
            print(NAMES[size], file=sys.stderr, flush=True)
    with programs(options, folder, options.keys, sink) as peers:
        for row in rows(peers, SMALL, options.rounds, options.seconds):
            result["keys"].append({"program": row["program"], "keys": options.keys, "cpu_ms": row["cpu_ms"]})
    return result


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in PROGRAMS:
        words.add_argument(f"--{option}", type=Path)
    words.add_argument("--keys", type=int, default=10_000)
    words.add_argument("--rounds", type=int, default=4, help="the first of each does not count")
    words.add_argument("--seconds", type=float, default=5)
    words.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = words.parse_args()
    if os.geteuid() or not pwd.getpwnam(filters.USER):
        sys.exit("only root starts a Postfix")
    begun = os.getloadavg()
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        result = {"load": [round(one, 1) for one in begun], **measure(options, Path(name))}
    options.results.mkdir(exist_ok=True)
    (options.results / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    chart.draw(result, options.results / "peers.png")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
