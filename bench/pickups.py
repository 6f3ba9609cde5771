"""What a pick-up costs: locking a mail of 10 KB, other mail meanwhile, and the pages that readers open.

    python bench/pickups.py [ENGINE…] [--rounds N] [--mails N]

A relay with one worker and the public web service, in front of a next hop that takes everything, in a process of its
own: in this one it would take the interpreter from the client that is timed. Told are:

- the processor time of a mail of 10 KB that becomes a pick-up, above that of one that is encrypted to a key (the key
  derivation alone hashes 65 MB);
- p99 of mails to a known recipient beside a client that sends pick-ups without a pause, to its quiet value, in turn;
- pages a second: the page of a pick-up and its ciphertext, in one request each, and what the service spends on both.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.certificates import make_certificates
from lab.pickup_site import DOCTOR, PATIENT, Site, pickup_site
from lab.processes import Family
from large_beside_small import next_hop, percentile
from load import Probe
from plan import SMALL

KNOWN = "person0@example.org"
PAUSE = 0.01
READERS = 4
_LINE = b"Les analyses sont normales, prenez rendez-vous dans six mois.\r\n"


def content(to: str) -> bytes:
    """A mail of 10 KB, as it is on the wire, unlike any other: the same mail again would be a retry."""
    head = f"From: <{DOCTOR}>\r\nTo: <{to}>\r\nSubject: Analyses\r\nMessage-ID: <{uuid4()}@bench.example>\r\n"
    return head.encode() + b"MIME-Version: 1.0\r\n\r\n" + _LINE * (SMALL // len(_LINE)) + b".\r\n"


@contextmanager
def site(engine: str) -> Iterator[Site]:
    """It knows `KNOWN`, and a first pick-up has started what pick-ups need."""
    log = {"level": "info", "format": "json"}
    with (
        next_hop() as port,
        pickup_site({"engine": engine, "log": log, "reinject": f"smtp://127.0.0.1:{port}"}) as running,
    ):
        file = running.relay.folder / "known.pgp"
        file.write_bytes(make_certificates(1)[0])
        running.relay.run("keys", "import", file)
        sends(running.relay.port, PATIENT, 2, PAUSE)
        yield running


def sends(port: int, to: str, mails: int, pause: float = 0.0) -> list[float]:
    """Seconds for each."""
    client, taken = Probe(port, lmtp=True, size=0, sender=DOCTOR), []
    for _ in range(mails):
        wire = content(to)
        begun = time.perf_counter()
        client.send(to, wire)
        taken.append(time.perf_counter() - begun)
        time.sleep(pause)
    return taken


def locking(running: Site, mails: int) -> float:
    """Seconds of processor time for one that becomes a pick-up, above those for one that is encrypted."""
    family, spent = Family(running.relay.pid, running.relay.keyring), []
    for to in (KNOWN, PATIENT):
        before = family.seconds()
        sends(running.relay.port, to, mails)
        spent.append((family.seconds() - before) / mails)
    return spent[1] - spent[0]


def beside(running: Site, rounds: int, mails: int) -> dict[str, float]:
    """p99 of other mail, in milliseconds, quiet and beside pick-ups."""
    quiet, busy = list[float](), list[float]()
    for _ in range(rounds):
        quiet += sends(running.relay.port, KNOWN, mails, PAUSE)
        with _others(running.relay.port):
            busy += sends(running.relay.port, KNOWN, mails, PAUSE)
    found = {"quiet_p99_ms": percentile(quiet, 99) * 1000, "busy_p99_ms": percentile(busy, 99) * 1000}
    return {**found, "ratio": found["busy_p99_ms"] / found["quiet_p99_ms"]}


@contextmanager
def _others(port: int) -> Iterator[None]:
    process = multiprocessing.Process(target=_send_for_ever, args=(port,))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _send_for_ever(port: int) -> None:
    while True:
        sends(port, PATIENT, 100)


def pages(running: Site, seconds: float) -> dict[str, float]:
    """Pages a second with their ciphertext, and the milliseconds of processor time for one."""
    path = f"/m/{json.loads(running.relay.run('pickup', 'list', '--json').stdout)[0]['id']}"
    family = Family(running.web.pid)
    begun, before = time.monotonic(), family.seconds()
    with ThreadPoolExecutor(READERS) as threads:
        count = sum(threads.map(lambda _: _read(running.web.http, path, begun + seconds), range(READERS)))
    took = time.monotonic() - begun
    return {"pages_a_second": count / took, "cpu_ms": (family.seconds() - before) / count * 1000}


def _read(port: int, path: str, until: float) -> int:
    count, connection = 0, HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < until:
        for each in (path, f"{path}/message"):
            connection.request("GET", each)
            answer = connection.getresponse()
            if answer.status != 200 or not answer.read():
                sys.exit(f"a page is answered {answer.status}")
        count += 1
    connection.close()
    return count


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("engines", nargs="*", default=["gnupg", "sequoia"])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--mails", type=int, default=150)
    chosen = options.parse_args()
    for engine in chosen.engines:
        with site(engine) as running:
            told = {
                "locking_cpu_s": statistics.median(locking(running, 20) for _ in range(chosen.rounds)),
                "beside": beside(running, chosen.rounds, chosen.mails),
                "pages": pages(running, 5),
            }
        print(json.dumps({"engine": engine, **told}, indent=1), flush=True)


if __name__ == "__main__":
    main()
