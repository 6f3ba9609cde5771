"""The documentation's site: `make docs` fails on what leads nowhere, and its drawings are those of the program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.pictures import drawings

ROOT = Path(__file__).resolve().parents[2]
PARTS = (".ci", "Makefile", "README.md", "README.fr.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE")
FOLDERS = ("docs", "examples", "keyring", "tests", "relay", "bench", "config.yaml", "mkdocs.yml", "pyproject.toml")
PICTURES = ROOT / "docs" / "pictures"

DEAD = {
    "a page": "[x](nothing-here.md)",
    "an anchor": "[x](keys.md#no-such-heading)",
    "a picture": "![x](pictures/nothing-here.svg)",
    "a file of the repository": "[x](../examples/nothing-here.yml)",
}


def built(tree: Path) -> tuple[int, str]:
    """`make docs` there, with what is installed here: its status and what it wrote."""
    environment = tree / ".venv-test"
    here = [f"VENV={environment}", f"BIN={sys.prefix}/bin"]
    done = subprocess.run(
        ["make", "--no-print-directory", "-o", f"{environment}/.docs", *here, "docs"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the site is made of, in a folder where it may be changed."""
    for name in (*PARTS, *FOLDERS):
        source = ROOT / name
        if name in {"docs", ".ci"}:
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / name).symlink_to(source)
    return tmp_path


def test_the_site_is_built(tree: Path) -> None:
    status, told = built(tree)

    assert status == 0, told
    front = (tree / "site" / "index.html").read_text(encoding="utf-8")
    assert "<svg" in front, "drawings take the page's colours"
    assert not re.search(r'(?:src|href)="https?://', front), "nothing is fetched from elsewhere"
    assert '<html lang="fr"' in (tree / "site" / "fr" / "index.html").read_text(encoding="utf-8")


def test_what_leads_nowhere_fails(tree: Path) -> None:
    page = tree / "docs" / "holding.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n" + "\n\n".join(DEAD.values()) + "\n", encoding="utf-8")

    status, told = built(tree)

    assert status != 0
    assert [target for target in re.findall(r"\(([^)]+)\)", " ".join(DEAD.values())) if target not in told] == []
    assert f"{len(DEAD)} warnings" in told


def test_a_page_that_the_contents_do_not_name_fails(tree: Path) -> None:
    (tree / "docs" / "stray.md").write_text("# Stray\n", encoding="utf-8")

    status, told = built(tree)

    assert status != 0
    assert "stray.md" in told


@pytest.fixture
def utc() -> Iterator[None]:
    """The time zone of the drawings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("utc")
def test_drawings_of_texts_are_those_of_the_program() -> None:
    stale = [name for name, text in drawings() if (PICTURES / name).read_text(encoding="utf-8") != text]

    assert stale == [], "PYTHONPATH=tests TZ=UTC python -m lab.pictures docs/pictures"


@pytest.mark.parametrize("file", sorted(PICTURES.glob("*.svg")), ids=lambda file: file.name)
def test_a_drawing_fetches_nothing_and_follows_light_and_dark(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert not re.search(r"(?:href|src|url\()", text)
    assert not re.search(r"<script|\son\w+=", text)
    if file.stem not in {"logo", "favicon"}:
        assert "prefers-color-scheme: dark" in text
        assert "var(--md-default-fg-color" in text
