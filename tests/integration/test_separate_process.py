"""What timed tests rest on: a part of a test in a process of its own, and who else was busy meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from lab.processes import Busy, Family
from lab.separate_process import LEAST, SeparateProcess
from lab.waiting import wait_for

BUSY = [sys.executable, "-c", "while True: pass"]
NOBODY = 1 << 30
BEGINS = """
import os, signal
from contextlib import nullcontext
from lab.separate_process import SeparateProcess
if __name__ == "__main__":
    with SeparateProcess(nullcontext) as process:
        print(process._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_busy_program_counts_unless_it_is_ours() -> None:
    with subprocess.Popen(BUSY) as busy:
        try:
            right = any(told_rightly(Family(busy.pid)) for _ in range(10))
        finally:
            busy.kill()
    assert right, "what else the machine does may come between some of the looks, and not between all"


def told_rightly(busy: Family) -> bool:
    """Whether who does not know of this program sees as much of the processors busy more as it takes.

    All in seconds of processor time, over as long as it needs to take one: how much of a processor a busy machine gives
    it is no matter.
    """
    begun, before = time.monotonic(), busy.seconds()
    stranger, ours = Busy(Family(NOBODY)), Busy(busy)
    wait_for(lambda: busy.seconds() - before >= 1, "it has taken a second of processor time")
    told, untold, took = stranger.others(), ours.others(), busy.seconds() - before
    passed = time.monotonic() - begun
    print(f"others {told * passed:.2f} s, {untold * passed:.2f} s without a program that took {took:.2f} s")
    return told * passed > 0.8 * took and (told - untold) * passed == pytest.approx(took, rel=0.1)


def test_it_is_another_process_and_nice_and_gone_at_the_end() -> None:
    with SeparateProcess(nullcontext, LEAST) as process:
        pid = process._process.pid
        assert pid
        assert os.getpriority(os.PRIO_PROCESS, pid) == LEAST
        assert os.getsid(pid) == pid
    assert not Path(f"/proc/{pid}").exists()


def test_what_fails_there_fails_here() -> None:
    with SeparateProcess(nullcontext) as process, pytest.raises(AssertionError, match="TypeError"):
        process.call(divmod, 0)


def test_it_ends_when_who_began_it_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "begins.py"
    program.write_text(BEGINS)
    lab = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, "PYTHONPATH": lab},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    pid = int(done.stdout)
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists(), "the separate process has ended")
