"""Which tests run where not everything can be installed, and what is said of the others (`.ci/system`).

The script runs with programs chosen by the test, on a list of packages of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "system"
PROGRAMS = ("bash", "dirname", "grep", "xargs", "echo")  # those that it calls itself; apt-get is none of them
PACKAGES = "# a comment\ncompiler  compiler  build\npeer  peer  integration\nother  other  integration\n"
EVERYTHING = ("compiler", "peer", "other")
NO_POSTFIX = "Left out: e2e tests, because only root starts a Postfix\n"
WITHOUT = "Left out: contract, integration and e2e tests, because these packages are missing and"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    shutil.copy(SCRIPT, tmp_path / "system")
    (tmp_path / "packages").write_text(PACKAGES)
    for name in PROGRAMS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def run(
    place: Path, *there: str, uid: int = 1000, ci: str = "false", arguments: tuple[str, ...] = ()
) -> tuple[int, str, str]:
    """With these packages there: its status and what it said where."""
    for name, text in {"id": f"echo {uid}", **dict.fromkeys(there, "")}.items():
        program = place / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    environment = {"PATH": str(place / "bin"), "CI": ci}
    done = subprocess.run([place / "system", *arguments], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_root_with_everything_there_runs_every_tier(place: Path) -> None:
    tiers = "tests/e2e tests/integration tests/contract tests/unit\n"
    for ci in ("false", "true"):
        assert run(place, *EVERYTHING, uid=0, ci=ci) == (0, tiers, "")


def test_who_is_not_root_is_told_that_the_whole_way_is_left_out(place: Path) -> None:
    assert run(place, *EVERYTHING) == (0, "tests/integration tests/contract tests/unit\n", NO_POSTFIX)


@pytest.mark.parametrize(("uid", "cause"), [(1000, "only root installs them"), (0, "there is no apt-get")])
def test_without_a_package_only_unit_tests_run_and_it_is_told_which_and_why(place: Path, uid: int, cause: str) -> None:
    assert run(place, "compiler", "peer", uid=uid) == (0, "tests/unit\n", f"{WITHOUT} {cause}: other\n")


def test_to_build_the_package_what_tests_need_is_not_looked_for(place: Path) -> None:
    assert run(place, "compiler", ci="true", arguments=("build",)) == (0, "", "")


def test_without_a_compiler_no_package_is_built(place: Path) -> None:
    status, _, told = run(place, "peer", "other", uid=0, arguments=("build",))
    assert (status, told.rpartition(" without ")[2]) == (1, "compiler, and there is no apt-get\n")


def test_without_a_compiler_nothing_runs(place: Path) -> None:
    status, tiers, told = run(place, "peer", "other")

    assert (status, tiers) == (1, "")
    assert told.startswith("Nothing can be built or tested: ")
    assert told.endswith(" without compiler, and only root installs them\n")


@pytest.mark.parametrize("there", [EVERYTHING, EVERYTHING[:2]])
def test_in_ci_whatever_would_be_left_out_is_a_failure(place: Path, there: tuple[str, ...]) -> None:
    status, tiers, told = run(place, *there, ci="true")

    assert (status, tiers) == (1, "")
    assert told.startswith("Left out: ")
