"""`make bench`: what the relay costs beside the bare minimum; figures from one run, and their ratios.

    python bench/measure.py [--quick | --smoke] [--results FOLDER]

The matrix: bare pass-through with one and two processes, the relay with each engine, for 10 KB, 1 MB and 20 MB, with
1, 10 and 50 sessions, over LMTP and SMTP, from Postfix's smtp-source into its smtp-sink. Then raw gpg alone, a real
Postfix on both sides, and the nine targets (`targets`). The programs run at once and take turns, A, B, A, B: what
else runs on the machine meets each alike; a cell is the median of its rounds. Ratios are what to look at.

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
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import load
import report
import subjects
import targets
from processes import peak
from subjects import Subject

ROOT = Path(__file__).parents[1]
ENGINES = ("gnupg", "sequoia")
NAMES = {10_000: "10 KB", 1_000_000: "1 MB", 20_000_000: "20 MB"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...] = tuple(NAMES)
    sessions: tuple[int, ...] = (1, 10, 50)
    protocols: tuple[str, ...] = ("lmtp", "smtp")
    rounds: int = 3
    seconds: float = 1.0
    """For one program in one round, about; large mails take longer."""
    certificates: int = 10_000
    many: int = 100_000
    imported: int = 10_000
    at_once: int = 1 << 40
    """Octets of messages that are sent at the same time, at most: quick runs leave out what is more."""
    first: int = 50
    """Small mails in the first round, when nothing is known of a program's pace."""
    workers: tuple[int, ...] = (1, 2)


FULL = Plan()
QUICK = Plan((10_000, 20_000_000), (1, 10), ("lmtp",), rounds=2, seconds=0.3, imported=2000, at_once=100_000_000)
SMOKE = Plan((10_000,), (2,), ("lmtp",), 1, 0.01, certificates=60, many=60, imported=20, first=2, workers=(1,))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="fewer sizes, sessions and rounds")
    options.add_argument("--smoke", action="store_true", help="seconds: shows that it works, and nothing else")
    options.add_argument("--results", type=Path, default=ROOT / "bench/results", help="folder for the results")
    options.add_argument("--name", default="", help="of the files; the machine's day by default")
    chosen = options.parse_args()
    plan = SMOKE if chosen.smoke else QUICK if chosen.quick else FULL
    begun = datetime.now(UTC)
    result = {"what": _what(begun, plan), **measure(plan)}
    result["what"]["minutes"] = round((datetime.now(UTC) - begun).total_seconds() / 60, 1)
    chosen.results.mkdir(exist_ok=True)
    file = chosen.results / f"{chosen.name or begun.strftime('%Y-%m-%d')}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(report.text(result))
    if not chosen.smoke:
        report.chart(result, file.with_suffix(".png"))
    print(f"written to {file}")


def measure(plan: Plan) -> dict[str, object]:
    """Everything of this plan."""
    with tempfile.TemporaryDirectory(prefix="pb", dir="/tmp") as name, load.sink() as (onward, _):
        folder = Path(name)
        stock = subjects.stocked(folder / "stock", plan.certificates)
        _say("the store is filled")
        with ExitStack() as stack:
            programs = [stack.enter_context(one) for one in _programs(onward, stock, plan.workers)]
            relays = {engine: program for engine in ENGINES for program in programs if program.name == _single(engine)}
            memory = [weigh(program) for program in programs if 20_000_000 in plan.sizes]
            matrix = list(cells(programs, plan))
            bench = targets.Bench(plan, folder, stock, relays, onward)
            return {"matrix": matrix, "memory": memory, **targets.measure(bench, matrix, memory)}


def _programs(onward: int, stock: Path, workers: tuple[int, ...]) -> Iterator[AbstractContextManager[Subject]]:
    """All that are compared, in front of one smtp-sink."""
    for count in (1, 2):
        yield subjects.passthrough(onward, count)
    for count in workers:
        for engine in ENGINES:
            yield subjects.relay(onward, engine, stock, workers=count)


def _single(engine: str) -> str:
    return f"relay, {engine}, 1 worker"


def cells(programs: Sequence[Subject], plan: Plan) -> Iterator[dict[str, object]]:
    """The matrix, cell by cell."""
    for size in plan.sizes:
        for sessions in plan.sessions:
            if size * sessions > plan.at_once:
                continue
            for protocol in plan.protocols:
                yield from cell(programs, plan, size=size, sessions=sessions, protocol=protocol)
                _say(f"{NAMES[size]}, {sessions} sessions, {protocol}")


def cell(
    programs: Sequence[Subject], plan: Plan, *, size: int, sessions: int, protocol: str
) -> Iterator[dict[str, object]]:
    """One row a program: the programs take turns."""
    rates: dict[str, float] = {}
    rounds: dict[str, list[dict[str, float]]] = {program.name: [] for program in programs}
    for _ in range(plan.rounds if size * sessions < 200_000_000 else 1):
        for program in programs:
            wanted = int(rates.get(program.name, 0) * plan.seconds) or (plan.first if size <= 10_000 else 2)
            mails = max(2, min(wanted, _most(size, plan)))
            told = once(program, protocol, size=size, sessions=sessions, mails=mails)
            rates[program.name] = told["mails_a_second"]
            rounds[program.name].append(told)
    for name, each in rounds.items():
        middle = {key: round(statistics.median(one[key] for one in each), 2) for key in each[0]}
        yield {"program": name, "size": size, "sessions": sessions, "protocol": protocol, **middle, "rounds": len(each)}


def _most(size: int, plan: Plan) -> int:
    """No more than recipients with keys, or than fits into a second of anybody's."""
    return min(20_000_000 // size * 2, plan.certificates, subjects.REAL) - 10 if size <= 1_000_000 else 2


def once(program: Subject, protocol: str, *, size: int, sessions: int, mails: int) -> dict[str, float]:
    """One run."""
    before = program.family.seconds()
    run = load.run(program.ports[protocol], lmtp=protocol == "lmtp", size=size, sessions=sessions, mails=mails)
    cpu = (program.family.seconds() - before) / (run.mails + run.extra)
    ordered = sorted(run.latencies)
    return {
        "mails_a_second": run.mails / run.seconds,
        "cpu_ms": cpu * 1000,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "mails": run.mails,
        "timed": len(ordered),
    }


def weigh(program: Subject, size: int = 20_000_000) -> dict[str, object]:
    """Peak memory for one large mail, above what is there when nothing goes on."""
    with peak(program.family) as seen:
        load.source(program.ports["lmtp"], "-m", "1", lmtp=True, size=size)
    return {
        "program": program.name,
        "size": size,
        "idle_mb": round(seen.idle / 1e6, 1),
        "above_mb": round(seen.above / 1e6, 1),
        "times_its_size": round(seen.above / size, 2),
    }


def _what(begun: datetime, plan: Plan) -> dict[str, object]:
    """Machine, versions, commit."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "begun": begun.isoformat(timespec="seconds"),
        "machine": model[0].partition(": ")[2] if model else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_at_begin": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "gpg": _output("gpg", "--version").splitlines()[0].split()[-1],
        "postfix": _output("postconf", "-h", "mail_version").strip(),
        **{name: version(name) for name in ("pysequoia", "aiosmtpd", "aiosmtplib", "sqlalchemy")},
        "commit": _output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip(),
        "rounds": plan.rounds,
    }


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout or "unknown unknown"


def _say(what: str) -> None:
    print(f"{datetime.now().strftime('%H:%M:%S')}  {what}", file=sys.stderr, flush=True)  # noqa: DTZ005  for who waits


if __name__ == "__main__":
    main()
