"""Where the relay's time goes: py-spy's samples of each engine at 10 KB and 20 MB, by what the code is there for.

    python bench/where.py [--page docs/performance.md]

LMTP, one worker with all it starts; ten sessions of 10 KB, one of 20 MB. A sample counts where its thread works, and
for the first of `PARTS` that one of its frames belongs to. gpg itself is another program and in no column. `--page`
puts the table in place of the one that stands there.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import load
import report
import subjects
from plan import LARGE, NAMES, SMALL

BEGIN, END = "<!-- where: made by bench/where.py -->", "<!-- end of where -->"
ENGINES = ("sequoia", "gnupg")
LOADS = {SMALL: (10, 1500), LARGE: (1, 12)}
"""Sessions and mails."""
CERTIFICATES = 1000
RATE = 250
REST = "the rest"
PARTS = {
    "log lines": "structlog/|relay/telemetry|relay/pipeline/outcome",
    "the store: ledger, trace, certificates": "sqlalchemy/|relay/store",
    "the last check of what was made": r"verify \(relay/mail/pgpmime",
    "encryption (pysequoia), or calling gpg": "relay/openpgp|asyncio/subprocess",
    "armor and MIME around it": "relay/mail/armor|relay/mail/pgpmime",
    "next hop": r"relay/smtp/(outlet|handover|connection|pool|commands)|aiosmtplib/|stuffed \(",
    "handing over to the process beside, and back": r"relay/process/(?!pool\.py)|_Pool\.",
    "inlet: commands, DATA, dots": (
        r"relay/smtp/(session|server_protocol|command_loop|receive|data|esmtp|transaction|acknowledged)|aiosmtpd/"
    ),
    "reading the mail: header checks, shape, digest": "relay/mail/|relay/pipeline/ledger",
    "rules, lookups, pipeline": r"relay/(?!(cli|process|smtp/inlet|daemon))",
    "asyncio": "asyncio/",
}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--page", type=Path)
    page = options.parse_args().page
    with TemporaryDirectory(prefix="pb", dir="/tmp") as folder:
        stock = subjects.stocked(Path(folder, "stock"), CERTIFICATES)
        columns = {
            (size, engine): shares(sampled(Path(folder), stock, engine, size)) for size in LOADS for engine in ENGINES
        }
    heads = ["", *(f"`{engine}`, {NAMES[size]}" for size, engine in columns)]
    rows = [[part, *(f"{shared[part]:.0f} %" for shared in columns.values())] for part in (*PARTS, REST)]
    table = report.table([heads, *rows])
    print(table)
    if page:
        report.put(table, page, BEGIN, END)


def sampled(folder: Path, stock: Path, engine: str, size: int, count: int = 0) -> str:
    """py-spy's lines: the frames from the outermost in, and how often; `count`: of so many mails, if not as usual."""
    sessions, usual = LOADS[size]
    mails = count or usual
    file = folder / f"{engine}-{size}"
    with load.sink() as (onward, _), subjects.relay(onward, engine, stock) as relay:
        port = relay.ports["lmtp"]
        load.run(port, lmtp=True, size=size, sessions=sessions, mails=2 * sessions)
        words = ["--pid", str(relay.family.leader), "--subprocesses", "--rate", str(RATE), "--duration", "3600"]
        spy = subprocess.Popen(
            [_py_spy(), "record", *words, "--format", "raw", "--output", file],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(2)  # it tells nobody when it has begun
        load.run(port, lmtp=True, size=size, sessions=sessions, mails=mails)
        spy.send_signal(signal.SIGINT)
        spy.wait()
    return file.read_text()


def can_sample() -> bool:
    """Whether the system lets py-spy look into another process (ptrace(2)): root may."""
    return os.geteuid() == 0


def _py_spy() -> str:
    """Where its package has put it."""
    files = metadata.distribution("py-spy").files or ()
    return next(str(file.locate()) for file in files if file.name == "py-spy")


def shares(lines: str) -> Counter[str]:
    """Percent of the samples, by part."""
    found: Counter[str] = Counter()
    for line in lines.splitlines():
        frames, _, count = line.rpartition(" ")
        if not _waits(frames.rpartition(";")[2]):
            found[_part(frames)] += int(count)
    return Counter({part: 100 * count / found.total() for part, count in found.items()})


def _waits(innermost: str) -> bool:
    """For work, or for the disk."""
    return re.search(r"\b(select|_worker|do_commit|wait|poll) \(", innermost) is not None


def _part(frames: str) -> str:
    return next((part for part, place in PARTS.items() if re.search(place, frames)), REST)


if __name__ == "__main__":
    main()
