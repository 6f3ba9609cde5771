"""How many mails had which decision, for charts.

Bars that are over are counted once and remembered. Bars begin at whole multiples of their width in UTC.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relay.store import Trace

PERIODS: Mapping[str, tuple[float, int]] = {"day": (3600.0, 24), "week": (6 * 3600.0, 28), "month": (86400.0, 31)}
"""The width of a bar in seconds, and the number of bars."""
SETTLED = 3600.0
"""Seconds after which no more rows with an earlier time are written: a row is written when its mail is answered."""

Bar = Counter[tuple[str, str]]
"""Mails by decision and rule."""


@dataclass(slots=True)
class _Kept:
    """The counts of bars of one width that are over. The lock keeps two requests from counting the same bars."""

    bars: dict[float, Bar] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts of one store. Remembers no more bars than `PERIODS` shows."""

    clock: Callable[[], float] = time.time
    _kept: Mapping[float, _Kept] = field(default_factory=lambda: {width: _Kept() for width, _ in PERIODS.values()})

    async def bars(self, trace: Trace, period: str) -> tuple[float, list[Bar]]:
        """Return when the first bar of the period begins, in seconds since the epoch, and the counts of each bar."""
        width, count = PERIODS[period]
        now = self.clock()
        first = (now // width + 1 - count) * width
        begins = [first + number * width for number in range(count)]
        kept = self._kept[width]
        async with kept.lock:
            missing = [begin for begin in begins if begin not in kept.bars]
            counted = await trace.histogram(missing[0], begins[-1] + width, width)
            bars = {begin: counted.get(number, Counter()) for number, begin in enumerate(_from(begins, missing[0]))}
            found = {begin: kept.bars.get(begin, bars.get(begin, Counter())) for begin in begins}
            over = {begin: bar for begin, bar in found.items() if begin + width + SETTLED <= now}
            kept.bars.clear()
            kept.bars.update(over)
        return first, [found[begin] for begin in begins]


def _from(begins: list[float], first: float) -> list[float]:
    return [begin for begin in begins if begin >= first]


def by_action(bar: Bar) -> dict[str, int]:
    """The number of mails for each decision, summed over all rules and bars."""
    found: Counter[str] = Counter()
    for (action, _), count in bar.items():
        found[action] += count
    return dict(found)


def by_rule(bars: list[Bar]) -> dict[str, dict[str, int]]:
    """The number of mails for each rule and decision, summed over all bars."""
    found: dict[str, Counter[str]] = {}
    for bar in bars:
        for (action, rule), count in bar.items():
            found.setdefault(rule, Counter())[action] += count
    return {rule: dict(counts) for rule, counts in sorted(found.items())}
