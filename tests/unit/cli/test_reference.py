"""docs/commands.md is what the program says of itself, and every command says how it is called."""

from __future__ import annotations

import inspect
import shlex
from pathlib import Path

import pytest
from typer._click.core import Command

from relay.cli.reference import commands, markdown

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = dict(commands())


def test_the_page_is_current() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == markdown(), "python -m relay.cli.reference > docs/commands.md"


def test_the_readme_leads_there() -> None:
    assert "docs/commands.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", COMMANDS)
def test_its_help_ends_with_an_example_that_can_be_typed(path: str) -> None:
    command: Command = COMMANDS[path]
    example = inspect.cleandoc(command.help or "").split("\n\n")[-1]
    program, *words = shlex.split(example.removeprefix("$ ").partition(" && ")[0])
    assert (example[:2], program, "\n" in example) == ("$ ", "pgp-relay", False)
    words = words[2:] if words[0] == "-c" else words
    name = path.split()[1:]
    assert words[: len(name)] == name
    command.make_context(path, words[len(name) :])  # raises where an option or an argument is wrong


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_and_argument_is_explained(path: str) -> None:
    assert [parameter.name for parameter in COMMANDS[path].params if not parameter.help] == []
