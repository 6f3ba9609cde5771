"""docs/performance.md shows the figures of the run that is kept, and no others."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/performance.md"
KEPT = ROOT / "bench/results/kept.json"


def test_the_documents_tables_are_those_of_the_kept_run() -> None:
    spec = importlib.util.spec_from_file_location("report", ROOT / "bench/report.py")
    assert spec
    assert spec.loader
    report = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(report)
    result = json.loads(KEPT.read_text())

    begin, end = DOCUMENT.read_text().split(report.BEGIN)[1], report.END

    assert begin.split(end)[0].strip() == report.markdown(result).strip()
    assert result["targets"]
    assert KEPT.with_suffix(".png").exists()
