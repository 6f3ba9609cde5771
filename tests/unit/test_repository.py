"""What holds for every tracked file: plain names, and a reason beside each exception to lint or types."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MYSELF = "tests/unit/test_repository.py"  # has bare marks as its cases
PLAIN = re.compile(r"[\w.+-]+(?:/[\w.+-]+)*", re.ASCII)
_MARK = re.compile(
    r"""\#\s*(?:type:\s*ignore(?:\[[\w\-, ]+\])?  # mypy, with its codes
          |(?:ruff:\s*)?noqa(?::\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?  # ruff, for a line or a file
        )""",
    re.VERBOSE,
)


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a Git checkout")
    return listed.stdout.decode().split("\0")[:-1]


def without_reason(line: str) -> bool:
    """Whether a line switches lint or types off and nothing but such marks follows."""
    marks = list(_MARK.finditer(line))
    return bool(marks) and not re.search(r"\w{2}", line[marks[-1].end() :])


def exceptions() -> Iterator[str]:
    for name in tracked():
        if name.endswith(".py") and name != MYSELF:
            for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
                if without_reason(line):
                    yield f"{name}:{number}: {line.strip()}"


def test_every_tracked_file_has_a_plain_name() -> None:
    names = tracked()

    assert [name for name in names if not PLAIN.fullmatch(name)] == []
    assert len(names) > 300


@pytest.mark.parametrize(
    "name", ["here podman writes down what it has#", "a b.md", "é.py", "x\n.py", "-", "a//b", "#a#"]
)
def test_an_odd_name_is_seen(name: str) -> None:
    assert (PLAIN.fullmatch(name) is None) == (name != "-")


def test_every_exception_to_lint_or_types_carries_its_reason() -> None:
    assert list(exceptions()) == []


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("x = 1  # noqa: S101", True),
        ("x = 1  # noqa", True),
        ("x = 1  # type: ignore[arg-type]", True),
        ("x = 1  # type: ignore[attr-defined]  # noqa: SLF001", True),
        ("# ruff: noqa: INP001", True),
        ("x = 1  # noqa: S101, PLR0913  each is an option", False),
        ("x = 1  # noqa: S608 - our own names", False),
        ("x = 1  # type: ignore[arg-type]  # strings alone", False),
        ("x = 1  # a comment", False),
    ],
)
def test_a_missing_reason_is_seen(line: str, bare: bool) -> None:
    assert without_reason(line) is bare
