"""Beside other programs that encrypt mail: each is the content filter of a real Postfix of its own; they take turns.

    python bench/peers.py --zeyple FOLDER [--keys N] [--rounds N] [--results FOLDER]

A folder is a checkout of that program, which no package index has; Debian's python3-gpg is needed for Zeyple. Every
program knows the same certificates and encrypts each mail; the relay signs besides, and writes its trace. Told are, for
10 KB and 1 MB:

- mails a second from the first command to the empty queue, ten sessions;
- processor time of a mail: Postfix, the program and all they start;
- the delay of the filtered delivery, as Postfix logs it: half of them and 99 of 100 are shorter;
- the private memory of everything at its peak;
- the processor time of a mail of 10 KB where N certificates are known in place of 500.

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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import chart
import load
import subjects
from lab.gnupghome import gpg, stop_agent
from lab.ports import free_port
from lab.postfix import Postfix
from lab.processes import Family, peak
from plan import MIDDLE, NAMES, SMALL

SESSIONS = 10
REAPER = Path(__file__).with_name("reaper.py")
USER = "nobody"
_DELAY = re.compile(r"postfix/(?:pipe|lmtp)\[\d+\]: .* delay=([0-9.]+),")
_PIPE = """{name}    unix  -       n       n       -       -       pipe
  user={user} directory={folder} argv={words} ${{recipient}}
127.0.0.1:{back} inet  n       -       n       -       10      smtpd
  -o content_filter=
  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
"""


@dataclass(frozen=True)
class Peer:
    """A program at work behind its Postfix."""

    name: str
    mta: Postfix
    families: tuple[Family, ...]

    def seconds(self) -> float:
        """Of processor time so far."""
        return sum(family.seconds() for family in self.families)


@contextmanager
def postfix(mta: Postfix) -> Iterator[Family]:
    """It runs until the end of the block; all of its processes, and what they leave behind."""
    words = [sys.executable, str(REAPER), "postfix", "-c", str(mta.folder), "start"]
    with (mta.root / "started").open("w") as file:
        reaper = subprocess.Popen(words, stdout=file, stderr=file)
        try:
            load.await_port(mta.port)
            yield Family(reaper.pid)
        finally:
            mta.stop()
            reaper.wait(60)


@contextmanager
def relay(engine: str, stock: Path, sink: int) -> Iterator[Peer]:
    """Ours, as `postfix install` sets it up."""
    with subjects.prepared(free_port(), engine, stock) as (running, _), fresh(sink) as mta:
        running.run("postfix", "install", "--config-dir", mta.folder)
        running.start()
        own = Family(running.pid, running.keyring)
        own.settle()
        with postfix(mta) as family:
            yield Peer(f"pgp-relay, {engine}", mta, (family, own))


@contextmanager
def zeyple(checkout: Path, certificates: Path, sink: int) -> Iterator[Peer]:
    """As its INSTALL.md sets it up."""
    back = free_port()
    with home(certificates) as folder, fresh(sink) as mta:
        script = folder / "zeyple.py"
        shutil.copy(checkout / "zeyple" / "zeyple.py", script)
        (folder / "zeyple.conf").write_text(
            f"[zeyple]\nlog_file = {folder}/log\nforce_encrypt = 1\n"
            f"[gpg]\nhome = {folder}/keys\n[relay]\nhost = 127.0.0.1\nport = {back}\n"
        )
        with piped(mta, "zeyple", folder, f"/usr/bin/python3 {script}", back) as family:
            yield Peer("Zeyple", mta, (family,))
        log = (folder / "log").read_text()
        if "No keys found" in log or "sent" not in log:
            sys.exit("Zeyple has not encrypted every mail")


@contextmanager
def piped(mta: Postfix, name: str, folder: Path, words: str, back: int) -> Iterator[Family]:
    """A filter that Postfix starts for each mail, and that gives it back by SMTP."""
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, USER)
    with (mta.folder / "master.cf").open("a") as file:
        file.write(_PIPE.format(name=name, user=USER, folder=folder, words=words, back=back))
    with (mta.folder / "main.cf").open("a") as file:
        file.write(f"content_filter = {name}\n")
    with postfix(mta) as family:
        yield family


@contextmanager
def fresh(sink: int) -> Iterator[Postfix]:
    mta = Postfix(relayhost=sink, main={"message_size_limit": "100000000", "mailbox_size_limit": "0"})
    try:
        yield mta
    finally:
        mta.remove()


@contextmanager
def home(certificates: Path) -> Iterator[Path]:
    """A folder with a GnuPG home, `keys`, that knows these certificates."""
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name:
        keys = Path(name, "keys")
        keys.mkdir(mode=0o700)
        gpg(keys, "--no-auto-check-trustdb", "--import", str(certificates))
        stop_agent(keys)
        try:
            yield Path(name)
        finally:
            stop_agent(keys)


def delays(mta: Postfix) -> list[float]:
    return [float(found) for found in _DELAY.findall(mta.log)]


def once(peer: Peer, size: int, mails: int) -> tuple[float, float, list[float]]:
    """Mails a second, milliseconds of processor time a mail, and the delays."""
    known, before, begun = len(delays(peer.mta)), peer.seconds(), time.perf_counter()
    load.send(peer.mta.port, lmtp=False, size=size, sessions=min(SESSIONS, mails), mails=mails)
    while not peer.mta.is_empty():
        time.sleep(0.02)
    took = time.perf_counter() - begun
    return mails / took, (peer.seconds() - before) / mails * 1000, delays(peer.mta)[known:]


def rows(peers: list[Peer], size: int, rounds: int, seconds: float) -> Iterator[dict[str, object]]:
    """One a program; how many mails it gets follows from its pace, once it is known."""
    found: dict[str, list[tuple[float, float, list[float]]]] = {peer.name: [] for peer in peers}
    memory: dict[str, float] = {}
    for _ in range(rounds):
        for peer in peers:
            before = found[peer.name]
            mails = max(SESSIONS, int(before[-1][0] * seconds)) if before else 2 * SESSIONS
            with ExitStack() as stack:
                seen = [stack.enter_context(peak(family)) for family in peer.families]
                before.append(once(peer, size, mails))
            memory[peer.name] = max(memory.get(peer.name, 0.0), sum(each.octets for each in seen) / 1e6)
    for name, each in found.items():
        waited = sorted(delay for _, _, some in each[1:] for delay in some)
        yield {
            "program": name,
            "size": size,
            "mails_a_second": round(statistics.median(one[0] for one in each[1:]), 2),
            "cpu_ms": round(statistics.median(one[1] for one in each[1:]), 2),
            "p50_s": round(statistics.median(waited), 2),
            "p99_s": round(waited[max(0, int(len(waited) * 0.99) - 1)], 2),
            "memory_mb": round(memory[name], 1),
            "timed": len(waited),
            "protocol": "lmtp",
            "sessions": SESSIONS,
        }


@contextmanager
def programs(options: argparse.Namespace, folder: Path, count: int, sink: int) -> Iterator[list[Peer]]:
    """All of them, which know so many certificates."""
    stock = subjects.stocked(folder / f"of-{count}", count, people=count)
    certificates = stock.parents[1] / "certificates.pgp"
    with ExitStack() as stack:
        peers = [stack.enter_context(relay(engine, stock, sink)) for engine in ("gnupg", "sequoia")]
        if options.zeyple:
            peers.append(stack.enter_context(zeyple(options.zeyple, certificates, sink)))
        yield peers


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--zeyple", type=Path)
    words.add_argument("--keys", type=int, default=10_000)
    words.add_argument("--rounds", type=int, default=4, help="the first of each does not count")
    words.add_argument("--seconds", type=float, default=5)
    words.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    options = words.parse_args()
    if os.geteuid() or not pwd.getpwnam(USER):
        sys.exit("only root starts a Postfix")
    result: dict[str, list[dict[str, object]]] = {"matrix": [], "keys": []}
    with TemporaryDirectory(prefix="pb", dir="/tmp") as name, load.sink() as (sink, _):
        with programs(options, Path(name), load.PEOPLE, sink) as peers:
            for size in (SMALL, MIDDLE):
                result["matrix"] += rows(peers, size, options.rounds, options.seconds)
                print(NAMES[size], file=sys.stderr, flush=True)
        with programs(options, Path(name), options.keys, sink) as peers:
            for row in rows(peers, SMALL, options.rounds, options.seconds):
                result["keys"].append({"program": row["program"], "keys": options.keys, "cpu_ms": row["cpu_ms"]})
    options.results.mkdir(exist_ok=True)
    (options.results / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    chart.draw(result, options.results / "peers.png")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
