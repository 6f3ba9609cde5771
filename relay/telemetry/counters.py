"""What one process has counted since its last report: plain numbers, which add up over processes.

A worker sends its supervisor what it has counted since its last report (`Report`), and the supervisor adds it up: these
counts stay when the worker ends, so no counter goes backwards. The number of series is bounded by the labels in
`relay.telemetry.catalogue`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from relay.telemetry.catalogue import Metric

Key = tuple[str, ...]
"""The name of a metric and its labels' values; for a histogram also `sum` or the number of the bucket."""

Rows = list[list[Any]]

SoonKey = tuple[float, list[str], str]
"""A key that expires soon: when, its addresses, its fingerprint."""

SUM = "sum"
MOST_TROUBLES = 20
_AT_ONCE = 100
"""Entries of one datagram: far below what a socket takes in one piece."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of error or warning: how often it came, and when last."""

    what: str
    """The log's word."""
    details: str
    count: int
    last: float


@dataclass(slots=True)
class Counters:
    """Counters, values as they are now, and the last troubles."""

    counts: defaultdict[Key, float] = field(default_factory=lambda: defaultdict(float))
    marks: dict[Key, float] = field(default_factory=dict)
    troubles: OrderedDict[tuple[str, str], Trouble] = field(default_factory=OrderedDict)
    soon: list[SoonKey] | None = None
    """The keys that expire next, by the last count; None: not counted yet."""

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add `by` to a counter."""
        self.counts[metric.name, *labels] += by

    def observe(self, metric: Metric, seconds: float, *labels: str) -> None:
        """Add one duration, in seconds, to a histogram."""
        self.counts[metric.name, *labels, str(bisect_left(metric.buckets, seconds))] += 1
        self.count(metric, *labels, SUM, by=seconds)

    def mark(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge to this value."""
        self.marks[metric.name, *labels] = value

    def trouble(self, new: Trouble) -> None:
        """Count one more error or warning; only the latest kinds are kept."""
        known = self.troubles.pop((new.what, new.details), None)
        count = new.count + (known.count if known else 0)
        self.troubles[new.what, new.details] = Trouble(new.what, new.details, count, new.last)
        if len(self.troubles) > MOST_TROUBLES:
            self.troubles.popitem(last=False)

    def add(self, other: Counters) -> None:
        """Add what another process has counted."""
        for key, value in other.counts.items():
            self.counts[key] += value
        self.marks.update(other.marks)
        for trouble in other.troubles.values():
            self.trouble(trouble)
        if other.soon is not None:
            self.soon = other.soon

    def take(self) -> Counters:
        """Everything counted so far; counting begins again at zero."""
        taken = Counters(self.counts, self.marks, self.troubles, self.soon)
        self.counts, self.marks, self.troubles, self.soon = defaultdict(float), {}, OrderedDict(), None
        return taken

    def pieces(self) -> Iterator[Rows]:
        """These counters as rows for JSON, in pieces that can be read independently; at least one."""
        rows: Rows = [["count", *key, value] for key, value in self.counts.items()]
        rows += [["mark", *key, value] for key, value in self.marks.items()]
        rows += [["trouble", t.what, t.details, t.count, t.last] for t in self.troubles.values()]
        rows += [] if self.soon is None else [["soon", *self.soon]]
        for at in range(0, len(rows) or 1, _AT_ONCE):
            yield rows[at : at + _AT_ONCE]

    @classmethod
    def read(cls, piece: Rows) -> Self:
        """Read one piece."""
        counters = cls()
        for kind, *row in piece:
            match kind:
                case "count":
                    counters.counts[tuple(row[:-1])] += row[-1]
                case "mark":
                    counters.marks[tuple(row[:-1])] = row[-1]
                case "soon":
                    counters.soon = row
                case _:
                    counters.trouble(Trouble(*row))
        return counters
