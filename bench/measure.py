"""`make bench`: what the relay costs beside the bare minimum; figures from one run, and their ratios.

    python bench/measure.py [--quick | --smoke] [--results FOLDER]

The matrix: bare pass-through, the relay with each engine, for 10 KB, 1 MB and 20 MB, with 1, 10 and 50 sessions, over
LMTP and SMTP, from Postfix's smtp-source into its smtp-sink; over LMTP each of them with two processes as well (but for
50 mails of 20 MB at once). Then raw gpg alone, a real Postfix on both sides, and the targets (`targets`). The
programs run at once and take turns, A, B, A, B: what else runs on the machine meets each alike; a cell is the median
of its rounds, latencies are those of all rounds together. Ratios are what to look at.

Writes JSON, a table and a chart (`report`) into the results folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import chart
import load
import report
import subjects
import targets
from lab.processes import peak
from plan import FULL, LARGE, NAMES, QUICK, SMOKE, Plan
from subjects import Subject

ROOT = Path(__file__).parents[1]
ENGINES = ("gnupg", "sequoia")
HUNDREDTH = 100
"""Latencies of which one in a hundred can be told."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="fewer sizes, sessions and rounds")
    options.add_argument("--smoke", action="store_true", help="seconds: shows that it works, and nothing else")
    options.add_argument("--results", type=Path, default=ROOT / "bench/results", help="folder for the results")
    options.add_argument("--name", default="", help="of the files; the machine's day by default")
    chosen = options.parse_args()
    plan = SMOKE if chosen.smoke else QUICK if chosen.quick else FULL
    begun = datetime.now(UTC)
    chosen.results.mkdir(exist_ok=True)
    file = chosen.results / f"{chosen.name or begun.strftime('%Y-%m-%d')}.json"
    what = _what(begun, plan)
    result: dict[str, Any] = {"what": what}
    try:
        measure(plan, result)
    finally:  # what was measured is kept where something breaks off
        what["minutes"] = round((datetime.now(UTC) - begun).total_seconds() / 60, 1)
        file.write_text(json.dumps(result, indent=1) + "\n")
    print(report.text(result))
    if not chosen.smoke:
        chart.draw(result, file.with_suffix(".png"))
    print(f"written to {file}")


def measure(plan: Plan, result: dict[str, Any]) -> None:
    """Everything of this plan, into `result`."""
    with tempfile.TemporaryDirectory(prefix="pb", dir="/tmp") as name, load.sink() as (onward, _):
        folder = Path(name)
        stock = subjects.stocked(folder / "stock", plan.certificates)
        _say("the store is filled")
        with ExitStack() as stack:
            programs = [stack.enter_context(one) for one in _programs(onward, stock, plan.workers)]
            result["memory"] = [weigh(program) for program in programs if LARGE in plan.sizes]
            _say("memory is measured")
            result["matrix"] = []
            for row in cells(programs, plan):
                result["matrix"].append(row)
            by_name = {program.name: program for program in programs}
            targets.measure(targets.Bench(plan, folder, stock, by_name, onward, _say), result)


def _programs(onward: int, stock: Path, workers: tuple[int, ...]) -> Iterator[AbstractContextManager[Subject]]:
    """All that are compared, in front of one smtp-sink."""
    for count in (1, 2):
        yield subjects.passthrough(onward, count)
    for count in workers:
        for engine in ENGINES:
            yield subjects.relay(onward, engine, stock, workers=count)


def cells(programs: Sequence[Subject], plan: Plan) -> Iterator[dict[str, object]]:
    """The matrix, cell by cell."""
    for size in plan.sizes:
        for sessions in plan.sessions:
            if size * sessions > plan.at_once:
                continue
            for protocol in plan.protocols:
                these = [one for one in programs if plan.compares(one.processes, size, sessions, protocol)]
                yield from cell(these, plan, size=size, sessions=sessions, protocol=protocol)
                _say(f"{NAMES[size]}, {sessions} sessions, {protocol}")


def cell(
    programs: Sequence[Subject], plan: Plan, *, size: int, sessions: int, protocol: str
) -> Iterator[dict[str, object]]:
    """One row a program: the programs take turns."""
    rounds: dict[str, list[Round]] = {program.name: [] for program in programs}
    for _ in range(plan.times(size, sessions)):
        for program in programs:
            before = rounds[program.name]
            mails = plan.mails(size, sessions, before[-1]["mails_a_second"] if before else 0)
            before.append(once(program, protocol, size=size, sessions=sessions, mails=mails))
    for name, each in rounds.items():
        yield {"program": name, "size": size, "sessions": sessions, "protocol": protocol, **_middle(each)}


class Round(TypedDict):
    """What one round found."""

    mails_a_second: float
    cpu_ms: float
    mails: int
    latencies: list[float]


def once(program: Subject, protocol: str, *, size: int, sessions: int, mails: int) -> Round:
    """One run."""
    before = program.family.seconds()
    run = load.run(program.ports[protocol], lmtp=protocol == "lmtp", size=size, sessions=sessions, mails=mails)
    cpu = (program.family.seconds() - before) / (run.mails + run.extra)
    return {
        "mails_a_second": run.mails / run.seconds,
        "cpu_ms": cpu * 1000,
        "mails": run.mails + run.extra,
        "latencies": run.latencies,
    }


def _middle(rounds: Sequence[Round]) -> dict[str, object]:
    """Medians; of latencies the p99 only where there are enough."""
    ordered = sorted(latency * 1000 for each in rounds for latency in each["latencies"])
    enough = len(ordered) >= HUNDREDTH
    return {
        "mails_a_second": round(statistics.median(each["mails_a_second"] for each in rounds), 2),
        "cpu_ms": round(statistics.median(each["cpu_ms"] for each in rounds), 2),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(statistics.quantiles(ordered, n=100, method="inclusive")[98], 2) if enough else None,
        "slowest_ms": round(ordered[-1], 2),
        "timed": len(ordered),
        "mails": sum(each["mails"] for each in rounds),
        "rounds": len(rounds),
    }


def weigh(program: Subject) -> dict[str, object]:
    """Peak memory for a 20 MB mail above what is there when nothing goes on, and for a second one.

    Small mails come first, and mails of 200 KB, which start the processes for large mails, so that idle is idle.
    """
    for size in (10_000, 200_000):
        load.source(program.ports["lmtp"], "-m", "8", lmtp=True, size=size, sessions=8)
    time.sleep(1)
    told = {}
    with peak(program.family) as seen:
        load.source(program.ports["lmtp"], "-m", "1", lmtp=True, size=LARGE)
        time.sleep(1)
        told["left_mb"] = round((program.family.octets(program.family.agents()) - seen.idle) / 1e6, 1)
    with peak(program.family) as again:
        load.source(program.ports["lmtp"], "-m", "1", lmtp=True, size=LARGE)
    return {
        "program": program.name,
        "size": LARGE,
        "idle_mb": round(seen.idle / 1e6, 1),
        "above_mb": round(seen.above / 1e6, 1),
        "times_its_size": round(seen.above / LARGE, 2),
        **told,
        "second_times_its_size": round((again.octets - seen.idle) / LARGE, 2),
        "looks": seen.looks,
    }


def _what(begun: datetime, plan: Plan) -> dict[str, object]:
    """Machine, versions, commit."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "begun": begun.isoformat(timespec="seconds"),
        "machine": model[0].partition(": ")[2] if model else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load at begin, 1 and 15 minutes": "{:.1f}, {:.1f}".format(*os.getloadavg()[::2]),
        "python": platform.python_version(),
        "gpg": _output("gpg", "--version").splitlines()[0].split()[-1],
        "postfix": _output("postconf", "-h", "mail_version").strip(),
        **{name: version(name) for name in ("pysequoia", "aiosmtpd", "aiosmtplib", "sqlalchemy")},
        "commit": _output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip(),
        "rounds": f"{plan.rounds} of the matrix, {plan.turns} of the targets",
    }


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout or "unknown unknown"


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {what}", file=sys.stderr, flush=True)  # for who waits


if __name__ == "__main__":
    main()
