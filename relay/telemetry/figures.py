"""All figures of the relay, added up over its processes, and what follows from them: alive, ready, per second.

A process that serves says how it stands (`Standing`) every second or when it is asked; one that has said nothing for
`STALE` seconds stands still. The relay is ready while one of its processes is: mail finds that one.
"""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from relay.telemetry import catalogue as c
from relay.telemetry.counters import Tally

STALE = 15.0
SPAN = 60.0
"""Seconds that "per second" is taken over."""
_STARTING = "starting"
_STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Standing:
    """One process: how many messages it has in hand, and the word for what it lacks to be ready (empty: nothing)."""

    underway: int
    lacks: str


class Figures:
    """`hear` what processes say; then ask."""

    def __init__(self, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.tally = Tally()
        self.wanted = workers
        self._clock = clock
        self._stand: dict[int, tuple[Standing, float]] = {}
        self._totals: deque[tuple[float, float]] = deque(maxlen=int(SPAN) + 1)
        self.tally.mark(c.STARTED, time.time())
        self.tally.mark(c.BUILD, 1, version("pgp-relay"), platform.python_version())
        self.tally.mark(c.RELOADED, 1)
        self.tally.mark(c.HOP_UP, 1)
        self.tally.mark(c.LAST_ENCRYPTION, 0)

    def hear(self, worker: int, news: Tally, standing: Standing | None = None) -> None:
        """What that process counted, and how it stands."""
        self.tally.add(news)
        if standing:
            self._stand[worker] = (standing, self._clock())

    def lost(self, worker: int) -> None:
        """That process has ended."""
        self._stand.pop(worker, None)

    def tick(self) -> None:
        """Once a second."""
        self._totals.append((self._clock(), self.value(c.MESSAGES)))

    @property
    def per_second(self) -> float:
        """Messages, over the last minute or since the start."""
        now, total = self._clock(), self.value(c.MESSAGES)
        then, before = self._totals[0] if self._totals else (now, total)
        return (total - before) / max(1.0, now - then)

    @property
    def alive(self) -> int:
        """Processes that have spoken lately."""
        return len(self._fresh())

    @property
    def underway(self) -> int:
        """Messages in hand, in all of them."""
        return sum(standing.underway for standing, _ in self._stand.values())

    @property
    def lacks(self) -> str:
        """Why the relay is not ready, in a word; empty: it is."""
        fresh = self._fresh()
        if not fresh:
            return _STALLED if self._stand else _STARTING
        return "" if any(not standing.lacks for standing in fresh) else fresh[0].lacks

    def _fresh(self) -> list[Standing]:
        now = self._clock()
        return [standing for standing, heard in self._stand.values() if now - heard < STALE]

    def value(self, figure: c.Figure, *labels: str) -> float:
        """One of them, as it stands."""
        key = (figure.name, *labels)
        return self.tally.counts.get(key, 0) if figure.kind is c.Kind.COUNTER else self.tally.marks.get(key, 0)

    def settle(self) -> None:
        """Bring up to date what is not counted but looked at."""
        self.tally.mark(c.UNDERWAY, self.underway)
        self.tally.mark(c.WORKERS, self.alive)
        self.tally.mark(c.WORKERS_WANTED, self.wanted)
        self.tally.mark(c.READY, int(not self.lacks))
