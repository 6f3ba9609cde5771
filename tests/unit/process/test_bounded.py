"""A program of the machine's is given a time, and room for what it prints."""

from __future__ import annotations

import subprocess
import sys

import pytest

from relay.process.bounded import TooMuch, bounded

ENDLESS = "import os\nwhile True: os.write({}, b'x' * 65536)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_it_made_of_what_it_was_given() -> None:
    code = "import sys; sys.stderr.write('no'); sys.stdout.write(sys.stdin.read()[::-1]); sys.exit(3)"
    done = bounded(python(code), 60, b"x" * 200_000 + b"yz")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"zy" + b"x" * 200_000, b"no")


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_program_that_prints_without_end_filled_the_memory_until_its_time_was_over(descriptor: int) -> None:
    with pytest.raises(TooMuch):
        bounded(python(ENDLESS.format(descriptor)), 60, most=1 << 20)


def test_its_child_that_keeps_the_pipe_open_is_ended_with_it() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        bounded(["sh", "-c", "sleep 1000 & exit 0"], 1)


def test_a_program_that_reads_nothing_ends() -> None:
    assert bounded(["true"], 60, b"x" * 1_000_000).returncode == 0


def test_it_has_the_environment_that_it_is_given() -> None:
    assert bounded(["/usr/bin/env"], 60, environment={"A": "b"}).stdout == b"A=b\n"
