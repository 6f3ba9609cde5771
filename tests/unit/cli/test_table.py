"""Which columns a table has on a terminal of some width, and what is cut."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest

from relay.cli.held import _COLUMNS as HELD
from relay.cli.key_listing import _COLUMNS as KEYS
from relay.cli.table import GAP, Column, Table, fitted
from relay.cli.trace import _COLUMNS as TRACE

SOME = (Column("what"), Column("who", least=8), Column("mark", rank=2), Column("rule", least=6, rank=1))


def test_wide_enough_nothing_is_cut_or_left_out_not_even_what_is_empty() -> None:
    assert fitted(SOME, [4, 20, 4, 10], 80, {2}) == [4, 20, 4, 10]


def test_an_empty_column_took_the_room_of_others_that_were_cut() -> None:
    assert fitted(SOME, [4, 20, 4, 10], 40, {2}) == [4, 20, -1, 10]
    assert fitted(SOME, [4, 20, 4, 10], 40) == [4, 20, 4, 6]


def test_then_cells_are_cut_and_then_columns_of_the_highest_rank_are_left_out() -> None:
    assert fitted(SOME, [4, 20, 4, 10], 30) == [4, 10, 4, 6]
    assert fitted(SOME, [4, 20, 4, 10], 24) == [4, 10, -1, 6]
    assert fitted(SOME, [4, 20, 4, 10], 16) == [4, 10, -1, -1]


@pytest.mark.parametrize("room", [80, 100, 120, 160, 200])
@pytest.mark.parametrize("columns", [TRACE, KEYS, HELD], ids=["trace", "keys", "held"])
def test_no_row_is_wider_than_the_terminal(columns: tuple[Column, ...], room: int) -> None:
    usual = {"time": 11, "since": 11, "until": 11, "expires": 10, "key": 16, "signed by": 16, "id": 15, "queue id": 14}
    natural = [usual.get(column.title, 35 if column.least else len(column.title)) for column in columns]
    widths = [width for width in fitted(columns, natural, room) if width >= 0]
    assert sum(widths) + GAP * (len(widths) - 1) <= room


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_row_was_red_for_a_mail_that_waits_and_nothing_was_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    rest = [""] * (len(TRACE) - 4)
    with redirect_stdout(Terminal()) as screen:
        Table(TRACE).add(
            ["12-01 09:14", action, "bob@ville.example", "why", *rest] for action in ("hold", "encrypt", "refuse")
        )
    _, held, encrypted, refused = screen.getvalue().splitlines()
    assert held == "12-01 09:14  \x1b[36mhold\x1b[0m     bob@ville.example  why"
    assert encrypted.count("\x1b[32mencrypt\x1b[0m") == encrypted.count("\x1b[0m") == 1
    assert refused.count("\x1b[31mrefuse\x1b[0m") == refused.count("\x1b[0m") == 1


def test_numbers_stood_at_the_left_and_could_not_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with redirect_stdout(Terminal()) as screen:
        Table((Column("rule"), Column("clear", right=True), Column("hold", right=True))).add(
            [["everyone", "1", "12"], ["all", "1024", "7"]]
        )
    assert screen.getvalue().splitlines() == [
        "rule      clear  hold",
        "everyone      1    12",
        "all        1024     7",
    ]
