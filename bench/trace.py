"""What the trace costs: the same mails through a relay that writes it and through one that does not, turn about.

    python bench/trace.py [ENGINE…] [--rounds N] [--seconds S] [--json]

Two relays as large_beside_small.py sets them up; their one difference is that in the second `AuditEntry.write` does
nothing. `CLIENTS` connections send mails of 10 KB, each encrypted and signed, for some seconds to the one, then to the
other, round by round, so that what else runs on the machine meets both alike. Told are messages a second and the
milliseconds of processor time that a message takes (of the relay with its children), medians over the rounds. The
promise is that at 200 messages/s the trace costs no more than a tenth of the throughput.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from large_beside_small import relay
from load import PEOPLE, Probe
from plan import SMALL
from subjects import Subject

CLIENTS = 20
WITHOUT = """
from relay.cli.main import main
from relay.pipeline.audit import AuditEntry
async def nothing(*_):
    pass
AuditEntry.write = nothing
main()
"""


@dataclass
class Side:
    """One of the two relays, and what its rounds found."""

    subject: Subject
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def round(self, seconds: float) -> None:
        """Load it for so long."""
        began, spent = time.monotonic(), self.subject.family.seconds()
        sent = self.load(seconds)
        self.rates.append(sent / (time.monotonic() - began))
        self.costs.append((self.subject.family.seconds() - spent) / sent * 1000)

    def load(self, seconds: float) -> int:
        """Mails taken in so long."""
        until, port = time.monotonic() + seconds, self.subject.ports["lmtp"]

        def send(_number: int) -> int:
            probe, count = Probe(port, lmtp=True, size=SMALL), 0
            while time.monotonic() < until:
                probe.timed()
                count += 1
            return count

        with ThreadPoolExecutor(CLIENTS) as threads:
            return sum(threads.map(send, range(CLIENTS)))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("engines", nargs="*", default=["gnupg", "sequoia"])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    for engine in chosen.engines:
        told = measure(engine, chosen.rounds, chosen.seconds)
        print(json.dumps(told) if chosen.json else _sentence(told), flush=True)


def measure(engine: str, rounds: int, seconds: float) -> dict[str, object]:
    untracing = (sys.executable, "-c", WITHOUT)
    with relay(engine, certificates=PEOPLE) as traced, relay(engine, *untracing, certificates=PEOPLE) as untraced:
        sides = Side(traced), Side(untraced)
        for side in sides:
            side.load(1)  # what the first mails start
        for number in range(rounds):
            for side in sides if number % 2 else reversed(sides):
                side.round(seconds)
    yes, no = sides
    return {
        "engine": engine,
        "with_trace_per_second": _median(yes.rates),
        "without_trace_per_second": _median(no.rates),
        "throughput_ratio": _ratio(yes.rates, no.rates),
        "with_trace_cpu_ms": _median(yes.costs),
        "without_trace_cpu_ms": _median(no.costs),
        "cpu_ratio": _ratio(yes.costs, no.costs),
        "rounds": rounds,
    }


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def _sentence(told: dict[str, object]) -> str:
    return (
        "{engine}: {with_trace_per_second} messages/s with the trace, {without_trace_per_second} without (x "
        "{throughput_ratio}); {with_trace_cpu_ms} ms of processor a message, {without_trace_cpu_ms} without (x "
        "{cpu_ratio}), medians of {rounds} rounds".format(**told)
    )


if __name__ == "__main__":
    main()
