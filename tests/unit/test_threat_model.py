"""What docs/threat-model.md says is shown by tests that exist."""

from __future__ import annotations

from lab.named import ROOT, named_in, not_there

MODEL = ROOT / "docs" / "threat-model.md"


def test_every_test_that_it_names_is_there() -> None:
    assert len(named_in(MODEL)) > 50
    assert not not_there(MODEL)


def test_every_row_names_a_test() -> None:
    rows = [line for line in MODEL.read_text().splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    assert len(rows) > 40
    assert not [row for row in rows if "::test_" not in row and "shown by" not in row and "---" not in row]
