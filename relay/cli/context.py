"""What every command shares: the configuration file, and how results and faults are told."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console

from relay.config import Config, load
from relay.errors import ConfigError, RelayError

T = TypeVar("T")

WIDE = 250  # columns for a table that goes to a file or another program: nothing may be cut

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Context:
    """The options before the command."""

    path: Path

    def config(self) -> Config:
        """The configuration; a wrong one ends the program with status 2, every fault on a line."""
        try:
            return load(self.path)
        except ConfigError as error:
            for fault in error.faults:
                err.print(str(fault), markup=False)
            raise typer.Exit(2) from None


def context_of(context: typer.Context) -> Context:
    """Ours, typed."""
    found = context.obj
    if not isinstance(found, Context):
        raise TypeError("the callback of the program sets it")
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what is foreseen to fail ends the program with status 1 and one sentence."""
    try:
        return asyncio.run(work)
    except RelayError as error:
        fail(str(error))


def fail(sentence: str, status: int = 1) -> NoReturn:
    """Say why on standard error and end."""
    err.print(sentence, markup=False)
    raise typer.Exit(status)


def print_json(value: object) -> None:
    """Machine output: one JSON document, never wrapped or coloured."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
