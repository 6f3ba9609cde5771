"""The transcript of the installation is one of the page's commands as they stand."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def commands(page: str, language: str, prompt: str) -> list[str]:
    blocks = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"```{language}\n")[1:]
    lines = (line for block in blocks for line in block.partition("\n```")[0].splitlines())
    return [line.removeprefix(prompt) for line in lines if line.startswith(prompt)]


def test_it_ran_the_commands_of_the_page() -> None:
    ran = [line for line in commands("transcript.md", "console", "# ") if line not in {"main.cf", "master.cf"}]

    assert ran == commands("installation.md", "sh", ""), "make transcript"
