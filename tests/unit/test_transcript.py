"""The transcript of the installation is one of the page's commands as they stand."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands(page: str) -> list[str]:
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").split("```console\n")[1:]
    return [line for block in lines for line in block.partition("\n```")[0].splitlines() if line.startswith("# ")]


def test_it_ran_the_commands_of_the_page() -> None:
    ran = [line for line in commands("transcript.md") if line not in {"# main.cf", "# master.cf"}]

    assert ran == commands("installation.md"), "make transcript"
