"""Every command that the documents tell people to type is one, with options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer._click.core import Command

from relay.cli.reference import commands

ROOT = Path(__file__).resolve().parents[3]
COMMANDS: dict[str, Command] = dict(commands())
BLOCK = re.compile(r"^ *```console\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def typed() -> list[tuple[str, str]]:
    """Page and command line."""
    found = []
    for page in sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("README*.md")]):
        for block in BLOCK.findall(page.read_text("utf-8")):
            lines = [line.strip() for line in block.splitlines()]
            found += [(page.name, line[2:]) for line in lines if re.match(r"[$#] .*\bpgp-relay ", line)]
    return found


@pytest.mark.parametrize(("page", "line"), typed())
def test_it_can_be_typed(page: str, line: str) -> None:
    words = shlex.split(re.split(r" (?:&&?|\||>|<) ", line)[0], comments=True)
    if words[0] not in {"pgp-relay", "runuser"}:
        return
    words = words[words.index("pgp-relay", words.index("--") if "--" in words else 0) + 1 :]
    words = words[2:] if words[:1] == ["-c"] else words
    name = max((path for path in COMMANDS if _begins(words, path)), key=len, default="")
    assert name, f"{page}: {line}"
    COMMANDS[name].make_context(name, words[len(name.split()) - 1 :])  # raises where an option or an argument is wrong


def _begins(words: list[str], path: str) -> bool:
    name = path.split()[1:]
    return words[: len(name)] == name


def test_pages_are_read() -> None:
    assert {"operations.md", "zeyple.md", "troubleshooting.md"} <= {page for page, _ in typed()}
