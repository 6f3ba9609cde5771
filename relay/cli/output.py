"""How commands print: sentences and words in colour here, tables in `relay.cli.table`, one rule for both.

- On a terminal: as wide as the terminal, one line a row, colour on single words (none where `NO_COLOR` is set).
- Elsewhere (a pipe, a file): no colour and nothing shortened; tables have a header line and a tab between fields.
- With `--json`: for machines, one document, or one object a line where there may be very many.

Results go to standard output, faults to standard error, a sentence each. No text is printed with control characters
in it: what a terminal would obey becomes U+FFFD.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import NoReturn, TextIO

import typer
from rich.cells import cell_len

NARROWEST = 40
"""Columns for which texts are still wrapped on a narrower terminal."""

Span = str | tuple[str, str]
"""Text, or text and its style."""

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold green": "1;32"}


def say(*spans: Span) -> None:
    """A line on standard output."""
    _print(sys.stdout, spans)


def complain(*spans: Span) -> None:
    """A sentence on standard error."""
    _print(sys.stderr, spans)


def fail(sentence: str, status: int = 1) -> NoReturn:
    """Print the reason on standard error, and end the program."""
    complain(sentence)
    raise typer.Exit(status)


def say_beside(label: Sequence[Span], text: str, style: str = "", *, indent: int | None = None) -> int:
    """A label and a text beside it, wrapped on a terminal; the number of lines.

    Further lines begin below the text, or at `indent`.
    """
    begin = sum(cell_len(plain(span)) for span in label)
    first, *more = wrapped(text, begin, begin if indent is None else indent)
    say(*label, (first, style))
    for line in more:
        say((line, style))
    return 1 + len(more)


def wrapped(text: str, begin: int, indent: int) -> list[str]:
    """The lines of a text that begins at a column; its further lines with their indent."""
    first, *more = _wrapped(text, " " * begin, " " * indent) or [" " * begin]
    return [first[begin:], *more]


def cut(line: str, mark: str, indent: str) -> list[str]:
    """A line of another text that is shown behind a mark: in pieces that fit the terminal, further ones indented."""
    return [piece[len(mark) :] for piece in _wrapped(line, mark, mark + indent)] or [""]


def _wrapped(text: str, begin: str, indent: str) -> list[str]:
    width = max(terminal_width(), NARROWEST)
    if not on_terminal() or cell_len(begin + text) <= width:
        return [begin + text]
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def agreed(question: str) -> bool:
    """Ask on standard error; anything but `y` or `yes` on standard input, also its end, is a no."""
    sys.stderr.write(f"{shown(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def print_json(value: object) -> None:
    """One JSON document on a line, never wrapped or coloured."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def on_terminal() -> bool:
    """Whether results are read by a person now."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """Columns; 80 where that cannot be known."""
    return shutil.get_terminal_size().columns


def plain(span: Span) -> str:
    """Its text, as it is shown."""
    return shown(span if isinstance(span, str) else span[0])


def shown(text: str) -> str:
    """The text without control characters from outside, which a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _print(stream: TextIO, spans: Sequence[Span]) -> None:
    coloured = stream.isatty() and "NO_COLOR" not in os.environ
    stream.write("".join(_painted(span) if coloured else plain(span) for span in spans) + "\n")
    stream.flush()


def _painted(span: Span) -> str:
    code = "" if isinstance(span, str) else _STYLES.get(span[1], "")
    return f"\x1b[{code}m{plain(span)}\x1b[0m" if code else plain(span)
