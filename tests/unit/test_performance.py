"""docs/performance.md and docs/measurements.md show the figures of the run that is kept, and no others."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/performance.md"
KEPT = ROOT / "bench/results/kept.json"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"bench/{name}.py")
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_document_has_the_budget_of_each_part() -> None:
    section = DOCUMENT.read_text().partition("\n## What a part may cost\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| ([0-9.]+) \|", section, re.MULTILINE)
    assert {part: float(most) for part, most in rows} == module("budgets").BUDGETS


@pytest.mark.parametrize(
    ("page", "part"), [("performance.md", "costs"), ("performance.md", "targets"), ("measurements.md", "figures")]
)
def test_the_documents_tables_are_those_of_the_kept_run(page: str, part: str) -> None:
    report = module("report")
    result = json.loads(KEPT.read_text())
    begin, end = report.markers(part)

    there = (ROOT / "docs" / page).read_text().split(begin)[1].split(end)[0]

    assert there.strip() == report.markdown(result, part).strip(), (
        "python bench/report.py bench/results/kept.json docs/performance.md docs/measurements.md"
    )
    assert result["targets"]
    assert KEPT.with_suffix(".png").exists()
