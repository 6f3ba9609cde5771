"""Tables: one line a row, the columns that are looked for first at the left.

On a terminal a table is never wider than the terminal: columns with nothing in them are left out, then cells are cut
(`…`) down to what their column needs at least, then columns are left out, those of the highest rank first. With
`whole`, and elsewhere, nothing is cut or left out; elsewhere there is a tab between the fields.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len, set_cell_size

from relay.cli.output import Span, complain, on_terminal, plain, say, say_beside, terminal_width

Row = Sequence[str]

GAP = 2
CUT = "…"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and how its cells are shown."""

    title: str
    least: int = 0
    """Columns of the terminal below which its cells are not cut; 0: they are never cut."""
    rank: int = 0
    """Columns of the highest rank are left out first; 0: never left out."""
    wraps: bool = False
    """For the last column: text that does not fit is wrapped within the column."""
    right: bool = False
    """Numbers are aligned at the right."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """The style of a cell by its text, or by its first word."""


class Table:
    """Rows as they come: the first ones added decide how wide each column is."""

    def __init__(self, columns: Sequence[Column], *, whole: bool = False) -> None:
        self._columns = columns
        self._whole = whole
        self.rows = 0
        self._widths: list[int] | None = None
        """Of each column, -1: left out. None: nothing was printed yet."""

    def add(self, rows: Iterable[Row]) -> None:
        """Print them, with the header before the first."""
        self.rows += self._add(rows)

    def end(self) -> int:
        """How many rows there were; where no person reads, a table without any has its header all the same."""
        if self._widths is None and not on_terminal():
            self._print([column.title for column in self._columns], header=True)
        return self.rows

    def _add(self, rows: Iterable[Row]) -> int:
        cells = [[plain(cell).replace("\n", " ").replace("\t", " ") for cell in row] for row in rows]
        if cells and self._widths is None:
            self._widths = self._measured(cells)
            self._print([column.title for column in self._columns], header=True)
        for row in cells:
            self._print(row)
        return len(cells)

    def _measured(self, rows: Sequence[Row]) -> list[int]:
        titles = [column.title for column in self._columns]
        natural = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
        if self._whole or not on_terminal():
            return natural
        empty = {index for index, cells in enumerate(zip(*rows, strict=True)) if not any(cells)}
        return fitted(self._columns, natural, terminal_width(), empty)

    def _print(self, row: Row, *, header: bool = False) -> None:
        if not on_terminal():
            say("\t".join(row))
            return
        spans: list[Span] = []
        for column, cell, width in zip(self._columns, row, self._widths or (), strict=True):
            if column.wraps and not self._whole:
                say_beside(spans, cell, "bold" if header else _style(column, cell))
                return
            if width >= 0:
                spans += _cell(cell, width, "bold" if header else _style(column, cell), right=column.right)
        say(*_without_end(spans))


def print_table(columns: Sequence[Column], rows: Iterable[Row], *, whole: bool = False, nothing: str = "") -> None:
    """All rows at once; where there is none, the sentence `nothing` on standard error."""
    table = Table(columns, whole=whole)
    table.add(rows)
    if not table.end() and nothing:
        complain(nothing)


def fitted(
    columns: Sequence[Column], natural: Sequence[int], room: int, empty: Collection[int] = frozenset()
) -> list[int]:
    """The width of each column in a terminal of so many, -1: left out. `empty`: the columns with nothing in them."""
    natural = [len(column.title) if column.wraps else width for column, width in zip(columns, natural, strict=True)]
    least = [
        min(width, max(column.least, len(column.title))) if column.least else width
        for column, width in zip(columns, natural, strict=True)
    ]
    there = set(range(len(columns)))
    if _total(natural, there) > room:
        there -= {index for index in empty if columns[index].rank}
    optional = sorted((i for i in there if columns[i].rank), key=lambda i: -columns[i].rank)
    for index in optional:
        if _total(least, there) > room:
            there.discard(index)
    widths = [least[i] if i in there else -1 for i in range(len(columns))]
    spare = room - _total(least, there)
    for index in sorted(there):
        more = max(0, min(natural[index] - widths[index], spare))
        widths[index] += more
        spare -= more
    return widths


def _total(widths: Sequence[int], there: set[int]) -> int:
    return sum(widths[i] for i in there) + GAP * (len(there) - 1)


def _cell(cell: str, width: int, style: str, *, right: bool) -> list[Span]:
    text = cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + CUT
    word: Span = (text, style) if style else text
    room = " " * (width - cell_len(text))
    return [room, word, " " * GAP] if right else [word, room + " " * GAP]


def _style(column: Column, cell: str) -> str:
    return column.styles.get(cell) or column.styles.get(cell.partition(" ")[0], "")


def _without_end(spans: list[Span]) -> list[Span]:
    """No blanks at the end of a line."""
    while spans and not plain(spans[-1]).strip():
        spans.pop()
    return spans
