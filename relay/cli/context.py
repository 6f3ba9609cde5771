"""What every command shares: the configuration file, and how results and faults are told.

Results go to standard output, in tables or, with `--json`, for machines; faults go to standard error, a sentence each.
Colours and progress bars show on a terminal alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console

from relay.config import Config, load

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="For machines.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Context:
    """The options before the command."""

    path: Path

    def config(self) -> Config:
        """The configuration; a wrong one raises `ConfigError`, which ends the program with status 2."""
        return load(self.path)


def context_of(context: typer.Context) -> Context:
    """Ours, typed."""
    found = context.obj
    if not isinstance(found, Context):
        raise TypeError("the callback of the program sets it")
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end."""
    return asyncio.run(work)


def fail(sentence: str, status: int = 1) -> NoReturn:
    """Say why on standard error and end."""
    complain(sentence)
    raise typer.Exit(status)


def complain(sentence: str) -> None:
    """A sentence on standard error."""
    err.print(shown(sentence), markup=False)


def agreed(question: str) -> bool:
    """Ask on standard error; anything but `y` or `yes` on standard input, also its end, is a no."""
    err.print(f"{shown(question)} [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def say(line: str, style: str | None = None) -> None:
    """A line on standard output."""
    out.print(shown(line), markup=False, style=style)


def print_json(value: object) -> None:
    """Machine output: one JSON document on a line, never wrapped or coloured."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def print_table(header: Row, rows: Sequence[Row], style: Callable[[Row], str | None] = lambda _row: None) -> None:
    """Columns that line up, one line a row, nothing cut: long lines are left to the terminal and to grep."""
    if not rows:
        return
    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    say(_line(header, widths), "bold")
    for row in rows:
        say(_line(row, widths), style(row))


def shown(text: str) -> str:
    """Without what a terminal would obey: control characters in what came from outside."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _line(cells: Row, widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
