"""In which parts `make test` runs the tests (`.ci/tests`), and that a failure of any of them is one of all.

The script runs with a pytest of its own: one that writes down what it is asked, and ends as the test says.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "tests"
PYTEST = """#!/bin/sh
case "$*" in
  *"not waits"*) part=shared ;;
  *waits*) part=waiting; until [ -e shared ]; do sleep 0.02; done ;;
  *) part=alone ;;
esac
printf '%s\\n' "$*" >$part
stat -f -c %T /tmp >$part.place
echo "told by $part"
eval "exit \\$$part"
"""
TIERS = ("tests/contract", "tests/unit")


def run(place: Path, **statuses: int) -> tuple[int, dict[str, str], list[str]]:
    """Its status, the words of each part that ran, and what was shown; each part ends with its status, or with 0."""
    program = place / "pytest"
    program.write_text(PYTEST)
    program.chmod(0o755)
    ends = {part: str(statuses.get(part, 0)) for part in ("shared", "waiting", "alone")}
    environment = {"PATH": os.environ["PATH"], "PYTEST": str(program), "JOBS": "2", **ends}
    done = subprocess.run(
        [SCRIPT, *TIERS], cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    ran = {part: (place / part).read_text().strip() for part in ends if (place / part).exists()}
    return done.returncode, ran, done.stdout.splitlines()


def test_those_that_wait_run_beside_the_others_and_those_that_measure_after_both(tmp_path: Path) -> None:
    status, ran, shown = run(tmp_path)

    tiers = " ".join(TIERS)
    assert status == 0
    assert ran == {
        "shared": f"-n 2 --dist loadfile --no-loadscope-reorder -m not waits and not alone and not slow {tiers}",
        "waiting": f"-n 2 --dist loadfile --no-loadscope-reorder -m waits and not alone and not slow {tiers}",
        "alone": f"-m alone and not slow {tiers}",
    }
    assert shown == ["told by shared", "told by waiting", "told by alone"]


@pytest.mark.parametrize("part", ["shared", "waiting"])
def test_where_a_part_has_failed_nothing_is_measured_and_all_is_a_failure(tmp_path: Path, part: str) -> None:
    status, ran, shown = run(tmp_path, **{part: 1})

    assert (status, set(ran)) == (1, {"shared", "waiting"})
    assert shown == ["told by shared", "told by waiting"]


def test_a_measurement_that_fails_is_a_failure(tmp_path: Path) -> None:
    assert run(tmp_path, alone=1)[0] == 1


def test_tiers_without_a_test_that_waits_or_measures_are_none(tmp_path: Path) -> None:
    assert run(tmp_path, waiting=5, alone=5)[0] == 0
    assert run(tmp_path, shared=5)[0] != 0


def test_what_they_write_lies_in_memory_where_root_has_enough_of_it_and_what_is_measured_on_the_disk() -> None:
    before, kind = Path("/tmp").stat(), kind_of_tmp()  # noqa: S108  what the machine has there
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:  # outside /tmp, as a checkout is
        status, ran, _ = run(Path(place))
        places = {part: (Path(place) / f"{part}.place").read_text().strip() for part in ran}

    shared = "tmpfs" if in_memory_is_possible() else kind
    assert status == 0
    assert places == {"shared": shared, "waiting": shared, "alone": kind}
    assert os.path.samestat(Path("/tmp").stat(), before)  # noqa: S108  what the machine has there


def kind_of_tmp() -> str:
    """Of its file system."""
    asked = subprocess.run(["stat", "-f", "-c", "%T", "/tmp"], capture_output=True, text=True, check=True)  # noqa: S108  the same
    return asked.stdout.strip()


def in_memory_is_possible() -> bool:
    enough = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >= 12 << 30
    mounting = ["unshare", "--mount", "mount", "-t", "tmpfs", "tests", "/tmp"]  # noqa: S108  seen by this program alone
    return enough and subprocess.run(mounting, capture_output=True, check=False).returncode == 0


def test_a_checkout_that_lies_in_tmp_is_seen_by_its_tests() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        assert run(Path(place))[0] == 0
