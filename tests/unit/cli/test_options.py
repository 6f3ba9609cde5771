"""Options that belong together are one value for the command, and options of their own for whoever calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from relay.cli.options import Options, spread


@dataclass(frozen=True, slots=True)
class Span(Options):
    first: Annotated[int, typer.Option(help="Where it begins.")]
    last: Annotated[int, typer.Option(help="Where it ends.")] = 9


@dataclass(frozen=True, slots=True)
class Named(Options):
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")] = "it"


@dataclass(frozen=True, slots=True)
class Again(Options):
    first: Annotated[bool, typer.Option("--again")] = False


Loud = Annotated[bool, typer.Option("--loud", help="Shout.")]


def show(context: typer.Context, *, named: Named, loud: Loud = False, span: Span) -> None:
    """Show what was given."""
    typer.echo(f"{context.info_name} {named!r} {loud} {span!r}")


def twice(*, span: Span, again: Again) -> None:
    raise AssertionError(f"{span} {again}")


def plain(*, loud: Loud = False) -> None:
    """Show one option."""
    typer.echo(str(loud))


def _run(command: object, *words: str) -> tuple[int, str]:
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command("show")(spread(command))  # type: ignore[arg-type]  # any of the above
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


def test_a_command_is_given_the_value_that_its_options_make() -> None:
    assert _run(show, "--first", "3", "--loud", "x") == (0, "show Named(name='x') True Span(first=3, last=9)\n")
    assert _run(show, "--last=5", "--first=1") == (0, "show Named(name='it') False Span(first=1, last=5)\n")


def test_an_option_without_a_default_has_to_be_given() -> None:
    code, output = _run(show, "--last", "5")
    assert code == 2
    assert "--first" in output


def test_help_lists_the_options_in_the_place_of_their_value() -> None:
    code, output = _run(show, "--help")
    assert code == 0
    told = ["What it is called.", "Shout.", "Where it begins.", "Where it ends."]
    assert sorted(told, key=output.index) == told


def test_a_command_without_such_a_value_stays_as_it_is() -> None:
    assert _run(plain, "--loud") == (0, "True\n")


def test_two_values_with_one_option_are_refused_when_the_command_is_loaded() -> None:
    with pytest.raises(ValueError, match="first"):
        spread(twice)
