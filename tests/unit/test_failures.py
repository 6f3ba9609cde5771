"""docs/failures.md: each row has its answer and a test that exists, and each test of a fault has its row."""

from __future__ import annotations

import ast

from lab.named import ROOT, named_in, not_there

FAILURES = ROOT / "docs" / "failures.md"
FAULTS = ROOT / "tests" / "integration" / "faults"
NO_FAULT = {"test_the_encrypted_mail_names_its_recipients_alone"}


def test_every_test_that_it_names_is_there() -> None:
    assert not not_there(FAILURES)


def test_every_row_says_what_is_answered_and_names_its_test() -> None:
    rows = [line.strip("| ").split(" | ") for line in FAILURES.read_text().splitlines() if line.startswith("| ")]
    told = [row for row in rows if row[0] not in {"what fails", "---"}]

    assert len(told) > 30
    assert not [row for row in told if len(row) != 4 or not all(row) or "::test_" not in row[3]]


def test_every_test_of_a_fault_has_its_row() -> None:
    tests = {
        node.name
        for file in FAULTS.glob("test_*.py")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    }

    assert tests - NO_FAULT == tests & {name for _, name in named_in(FAILURES)}
