"""Charts of decisions: what is over is counted once, and counts that are remembered say what counting anew says."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from relay.admin.acts.figures import PERIODS, SETTLED, Bar, Figures, by_action, by_rule
from relay.model import Record
from relay.store import Store


def record(number: int) -> Record:
    people = ("", "", "a@x.example", "b@y.example")
    return Record(NOON + number, f"ID{number:05}", *people, "encrypt", "all", "", "", "", "", 1)


NOON = 1_700_049_600.0  # a whole multiple of a day's half


class Counted:
    """A trace that tells for which times it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []
        self.rows: list[tuple[float, str, str]] = []

    async def histogram(self, since: float, until: float, width: float) -> dict[int, Bar]:
        self.asked.append((since, until))
        found: dict[int, Bar] = {}
        for at, action, rule in self.rows:
            if since <= at < until:
                found.setdefault(int((at - since) // width), Counter())[action, rule] += 1
        return found


async def test_a_bar_that_is_over_is_counted_once() -> None:
    now = NOON
    trace = Counted()
    trace.rows = [(NOON - hours * 3600.0 + 1, "encrypt", "all") for hours in range(30)]
    figures = Figures(clock=lambda: now)
    first, bars = await figures.bars(trace, "day")  # type: ignore[arg-type]  # what it asks of it
    assert first == NOON - 23 * 3600.0
    assert [bar.total() for bar in bars] == [1] * 24
    now += 600
    trace.rows.append((now, "clear", "all"))
    again = (await figures.bars(trace, "day"))[1]  # type: ignore[arg-type]  # as above
    assert again[:-1] == bars[:-1]
    assert again[-1].total() == 2
    assert trace.asked[1][0] >= NOON - SETTLED - 3600.0


@pytest.mark.parametrize("period", PERIODS)
async def test_time_goes_on_and_the_counts_stay_right(period: str) -> None:
    now, trace = NOON, Counted()
    width, count = PERIODS[period]
    figures = Figures(clock=lambda: now)
    for step in range(3 * count):
        now = NOON + step * width * 0.7
        trace.rows.append((now - 1, "encrypt", f"rule {step % 3}"))
        first, bars = await figures.bars(trace, period)  # type: ignore[arg-type]  # as above
        anew = await trace.histogram(first, first + count * width, width)
        assert bars == [anew.get(number, Counter()) for number in range(count)], step
    assert len(figures._kept[width].bars) <= count


async def test_two_visitors_do_not_count_the_same_twice(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "s.db") as store:
        await store.trace.write([record(number) for number in range(10)])
        figures = Figures(clock=lambda: record(0).time + 100)
        both = await asyncio.gather(*(figures.bars(store.trace, "week") for _ in range(5)))
    assert all(each == both[0] for each in both)
    assert sum(bar.total() for bar in both[0][1]) == 10


def test_sums_by_action_and_by_rule() -> None:
    bars = [Counter({("encrypt", "a"): 2, ("clear", "b"): 1}), Counter({("encrypt", "b"): 3})]
    assert by_action(bars[0]) == {"encrypt": 2, "clear": 1}
    assert by_rule(bars) == {"a": {"encrypt": 2}, "b": {"clear": 1, "encrypt": 3}}
