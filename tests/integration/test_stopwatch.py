"""The stopwatch of tests that bound a time: a machine that stands still is not the product."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
TIMING = """
import sys, time
from lab.stopwatch import Stopwatch
begun = time.monotonic()
with Stopwatch() as watch:
    print("runs", flush=True)
    sys.stdin.readline()
print(time.monotonic() - begun, watch.seconds)
"""
COMPUTING = """
import time
from lab.stopwatch import Stopwatch

def computed(numbers):
    begun = time.process_time()
    sum(range(numbers))
    return time.process_time() - begun

numbers = 1_000_000
while (seconds := computed(numbers)) < 0.5:
    numbers *= 2
with Stopwatch() as watch:
    seconds = computed(numbers)
print(seconds, watch.seconds)
"""
"""One call, as large as this machine needs to compute for half a second."""


def timed(*, stopped: bool) -> tuple[float, float]:
    """What a second and a half took by the clock, and by the stopwatch."""
    with subprocess.Popen(
        [sys.executable, "-c", TIMING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == "runs\n"
        if stopped:
            child.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        child.send_signal(signal.SIGCONT)
        child.stdin.write("\n")
        child.stdin.flush()
        took, seconds = map(float, child.stdout.readline().split())
    return took, seconds


def test_while_it_stands_still_a_moment_counts() -> None:
    took, seconds = timed(stopped=True)
    assert took >= 1.5
    assert seconds < took - 1


def test_while_it_runs_its_seconds_count() -> None:
    took, seconds = timed(stopped=False)
    assert took / 4 < seconds <= took


def test_a_call_that_let_no_other_thread_run_was_taken_for_a_machine_that_stood_still() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPUTING], capture_output=True, check=True, text=True, timeout=300, env=ENVIRONMENT
    )
    computed, seconds = map(float, done.stdout.split())
    assert computed > 0.3
    assert seconds > 0.8 * computed
