"""Parses values of the command line: a wrong one ends the program with a sentence on standard error and status 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from relay.cli.output import fail
from relay.model import Address
from relay.model.errors import AddressError

T = TypeVar("T")

PostfixFolder = Annotated[
    Path | None,
    typer.Option("--config-dir", metavar="FOLDER", help="Postfix's configuration folder; default: the machine's."),
]


def address(text: str) -> Address:
    """A mail address with its domain."""
    try:
        found = Address(text)
    except AddressError as error:
        fail(str(error), status=2)
    return found if found.domain else fail(f"“{text}” has no domain: write name@domain", status=2)


def given(option: str, parse: Callable[[str], T], text: str | None) -> T | None:
    """The value of an option, None where it was not given; `parse` raises `ValueError`."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        fail(f"{option}: {error}", status=2)


def one_of(option: str, text: str, choices: Iterable[str]) -> None:
    """End the program unless it is one of these."""
    if text not in (known := list(choices)):
        fail(f"{option}: one of {', '.join(known)}", status=2)
