"""The transcript of the installation is one of the page's commands as they stand."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def commands(page: str, language: str, prompt: str) -> list[str]:
    blocks = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"```{language}\n")[1:]
    lines = (line for block in blocks for line in block.partition("\n```")[0].splitlines())
    return [line.removeprefix(prompt) for line in lines if line.startswith(prompt)]


def test_it_ran_the_commands_of_the_page() -> None:
    ran = [line for line in commands("transcript.md", "console", "# ") if line not in {"main.cf", "master.cf"}]

    assert ran == commands("installation.md", "sh", ""), "make transcript"


def test_with_access_to_the_internet_it_ran_the_same_and_imported_no_key() -> None:
    ran = [line for line in commands("transcript-internet.md", "console", "# ") if line not in {"main.cf", "master.cf"}]
    told = [line.replace("--no-internet", "--internet") for line in commands("installation.md", "sh", "")]
    told = told[: told.index("pgp-relay postfix uninstall")]

    assert ran == [line for line in told if not line.startswith("pgp-relay keys import")], "make transcript"
    assert "key found: wkd" in (ROOT / "docs" / "transcript-internet.md").read_text("utf-8")


def test_at_most_eight_commands_of_eighty_characters_lead_from_setup_to_the_first_encrypted_mail() -> None:
    typed = commands("installation.md", "sh", "")
    first, sent = (next(at for at, line in enumerate(typed) if word in line) for word in ("setup", "sendmail"))
    assert len(typed[first : sent + 1]) <= 8
    assert max(map(len, typed[first : sent + 1])) <= 80


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Date: Tue,  1 Dec 2026 01:30:30 +0000 (UTC)", "Date: Wed,  2 Dec 2026 02:20:04 +0000 (UTC)"),
        ("Date: Tue,  1 Dec 2026 01:30:30 +0000 (UTC)", "Date: Sat, 12 Dec 2026 02:20:04 +0000 (UTC)"),
        ("in 0.2 s", "in 1.5 s"),
    ],
)
def test_times_make_no_difference(one: str, other: str) -> None:
    """In the first nine days of a month sendmail writes two spaces before the day."""
    lasting = runpy.run_path(str(ROOT / ".ci" / "transcript.py"))["lasting"]

    assert lasting(one) == lasting(other)
    assert lasting(one) != lasting(f"{other}!")
