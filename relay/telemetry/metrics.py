"""All metrics of the relay, added up over its processes, and what is derived from them: alive, ready, per second.

A process that serves reports its state (`ProcessState`) every second or when it is asked. One that has reported nothing
for `STALE` seconds hangs, and the relay is not ready until it has been replaced, because the kernel still gives it
connections. Nor is the relay ready while fewer processes run than configured. Otherwise it is ready if one of them is.
"""

from __future__ import annotations

import platform
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from relay.telemetry import catalogue as c
from relay.telemetry.counters import Counters

STALE = 10.0
SPAN = 60.0
"""Seconds that "per second" is taken over."""
_STARTING = "starting"
_STALLED = "stalled"
_WORKERS = "workers"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process: how many messages it handles now, and the word for what does not work (empty: it is ready)."""

    in_progress: int
    lacks: str


class Metrics:
    """Pass the reports of processes to `hear`; then read the sums."""

    def __init__(self, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.counters = Counters()
        self.wanted = workers
        self.configuration = ""
        """SHA-256 of the configuration that counts."""
        self._clock = clock
        self._states: dict[int, tuple[ProcessState, float]] = {}
        self._totals: deque[tuple[float, float]] = deque(maxlen=int(SPAN) + 1)
        self._mark_start()

    def _mark_start(self) -> None:
        """What holds until something else is heard."""
        self.counters.mark(c.STARTED, time.time())
        self.counters.mark(c.BUILD, 1, version("pgp-relay"), platform.python_version())
        self.counters.mark(c.RELOADED, 1)
        self.counters.mark(c.HOP_UP, 1)
        self.counters.mark(c.PUBLIC_UP, 1)
        self.counters.mark(c.NODES, 1)
        self.counters.mark(c.NODES_DIFFERING, 0)
        self.counters.mark(c.LAST_ENCRYPTION, 0)

    def hear(self, worker: int, news: Counters, state: ProcessState | None = None) -> None:
        """Add what that process has counted, and note its state."""
        self.counters.add(news)
        if state:
            self._states[worker] = (state, self._clock())

    def lost(self, worker: int) -> None:
        """Forget a process that has ended."""
        self._states.pop(worker, None)

    def tick(self) -> None:
        """Note the number of messages so far, for `per_second`; called every second."""
        self._totals.append((self._clock(), self.value(c.MESSAGES)))

    @property
    def per_second(self) -> float:
        """Messages a second, over the last minute or since the start."""
        now, total = self._clock(), self.value(c.MESSAGES)
        then, before = self._totals[0] if self._totals else (now, total)
        return (total - before) / max(1.0, now - then)

    @property
    def alive(self) -> int:
        """How many processes have reported within `STALE` seconds."""
        return len(self._fresh())

    @property
    def in_progress(self) -> int:
        """How many messages all processes are working on."""
        return sum(state.in_progress for state, _ in self._states.values())

    @property
    def lacks(self) -> str:
        """Why the relay is not ready, in a word; empty: it is."""
        fresh = self._fresh()
        if len(fresh) < len(self._states):  # the kernel goes on giving it connections
            return _STALLED
        if not fresh:
            return _STARTING
        if all(state.lacks for state in fresh):
            return fresh[0].lacks
        return _WORKERS if len(fresh) < self.wanted else ""

    def _fresh(self) -> list[ProcessState]:
        now = self._clock()
        return [state for state, heard in self._states.values() if now - heard < STALE]

    def value(self, metric: c.Metric, *labels: str) -> float:
        """The value of a counter or gauge."""
        key = (metric.name, *labels)
        return self.counters.counts.get(key, 0) if metric.kind is c.Kind.COUNTER else self.counters.marks.get(key, 0)

    def settle(self) -> None:
        """Bring the gauges up to date that are made of the processes' states."""
        self.counters.mark(c.UNDERWAY, self.in_progress)
        self.counters.mark(c.WORKERS, self.alive)
        self.counters.mark(c.WORKERS_WANTED, self.wanted)
        self.counters.mark(c.READY, int(not self.lacks))
