"""docs/screens.md is what the program shows; of its demo `test_demo.py` goes through the steps."""

from __future__ import annotations

from pathlib import Path

from lab import screens

PAGE = Path(__file__).resolve().parents[3] / "docs" / "screens.md"


def test_the_screens_of_the_page_are_those_of_the_program() -> None:
    written, _, demo = PAGE.read_text(encoding="utf-8").partition(f"\n## {screens.DEMO}\n")

    page = screens.page(demo=False)
    assert screens.lasting(page) == screens.lasting(written), "make screens"
    assert "$ pgp-relay demo\n" in demo
    assert screens.too_wide(page) == [], "a row on a terminal of 80 columns is one line"
