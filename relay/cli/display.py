"""How results are printed: the options that the commands share which list something."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from relay.cli.context import Json
from relay.cli.options import Options
from relay.cli.output import complain, print_json
from relay.cli.table import Column, Row, Table, print_table
from relay.cli.times import Full, Look, Utc

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Display(Options):
    """For people, shortened on a terminal, or for programs."""

    full: Full = False
    utc: Utc = False
    as_json: Json = False

    @property
    def look(self) -> Look:
        """How times and fingerprints are shown to people."""
        return Look.of(full=self.full, utc=self.utc)

    def print_all(
        self,
        columns: Sequence[Column],
        found: Collection[T],
        row: Callable[[T, Look], Row],
        as_object: Callable[[T], object],
        nothing: str = "",
    ) -> None:
        """One array, or a table with a row for each; where there is none, the sentence `nothing`."""
        if self.as_json:
            print_json([as_object(each) for each in found])
        else:
            look = self.look
            print_table(columns, [row(each, look) for each in found], whole=self.full, nothing=nothing)


class Stream(Generic[T]):
    """Results that come little by little: one object a line, or a table whose first rows decide its widths."""

    def __init__(
        self,
        display: Display,
        columns: Sequence[Column],
        row: Callable[[T, Look], Row],
        as_object: Callable[[T], object],
    ) -> None:
        self._as_json = display.as_json
        self._look = display.look
        self._table = Table(columns, whole=display.full)
        self._row = row
        self._as_object = as_object

    def add(self, found: Iterable[T]) -> None:
        """Print a row for each, or with `--json` a JSON object on a line of its own."""
        if self._as_json:
            for each in found:
                print_json(self._as_object(each))
        else:
            self._table.add(self._row(each, self._look) for each in found)

    def end(self, nothing: str) -> None:
        """Where there was no row, say this sentence on standard error."""
        if not (self._as_json or self._table.end()):
            complain(nothing)
