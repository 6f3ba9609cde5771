"""Postfix → the program → the same Postfix → smtp-sink, as `pgp-relay postfix install` sets it up.

Each program has a Postfix of its own; they take turns. A run ends when nothing is left in any of Postfix's queues.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import load
import subjects
from lab.ports import free_port
from lab.postfix import Postfix

SESSIONS = 10
PASSTHROUGH = "pass-through"


def measure(stock: Path, *, size: int, rounds: int, mails: int, seconds: float) -> list[dict[str, object]]:
    """Mails a second for each program, the median of the rounds."""
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        sink, _ = stack.enter_context(load.sink())
        ways = {name: stack.enter_context(way(name, stock, sink)) for name in (PASSTHROUGH, "gnupg", "sequoia")}
        for _ in range(rounds):
            for name, mta in ways.items():
                count = max(mails, int(statistics.median(rates[name]) * seconds)) if name in rates else mails
                rates.setdefault(name, []).append(once(mta, size, count))
    base = statistics.median(rates[PASSTHROUGH])
    middle = {name: statistics.median(each) for name, each in rates.items()}
    return [
        {"program": name, "size": size, "mails_a_second": round(rate, 1), "ratio": round(rate / base, 2)}
        for name, rate in middle.items()
    ]


def once(mta: Postfix, size: int, mails: int) -> float:
    """Mails a second, from the first command to the empty queue."""
    begun = time.perf_counter()
    sessions = min(SESSIONS, mails)
    load.send(mta.port, lmtp=False, size=size, sessions=sessions, mails=mails)
    while not mta.is_empty():
        time.sleep(0.02)
    return mails / (time.perf_counter() - begun)


@contextmanager
def way(name: str, stock: Path, sink: int) -> Iterator[Postfix]:
    """A Postfix with the program as its content filter."""
    back = free_port()
    engine = "gnupg" if name == PASSTHROUGH else name
    with subjects.prepared(back, engine, stock) as (relay, ports):
        mta = Postfix(relayhost=sink, main={"message_size_limit": "100000000", "mailbox_size_limit": "0"})
        try:
            relay.run("postfix", "install", "--config-dir", mta.folder)
            with ExitStack() as stack:
                if name == PASSTHROUGH:
                    stack.enter_context(subjects.passthrough(back, lmtp=ports["lmtp"]))
                else:
                    relay.start()
                mta.start()
                stack.callback(mta.stop)
                yield mta
        finally:
            mta.remove()
