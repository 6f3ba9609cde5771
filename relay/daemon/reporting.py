"""Reports what serving processes count and how they are doing.

A single process answers for itself (`LocalReporting`). A worker reports to its supervisor every second, over the
channel between them (`WorkerReporting`); the supervisor adds up the numbers of all workers and answers
(`SupervisorReporting`). A worker never waits for that: if its supervisor does not read, it keeps its numbers, adds to
them, and goes on with mail. If a worker is killed, the counts of its last second are lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from relay.config import Config
from relay.openpgp import home
from relay.process.ipc import Channel
from relay.telemetry.counters import Counters
from relay.telemetry.metrics import Metrics, ProcessState
from relay.telemetry.observer import Observer

EVERY = 1.0


class _Reporting:
    """Serves the endpoints; their content is updated every second."""

    def __init__(self, observer: Observer, metrics: Metrics) -> None:
        self._observer = observer
        self._metrics = metrics
        from relay.telemetry.endpoints import Endpoints  # noqa: PLC0415  loads aiohttp, which a worker needs not

        self._endpoints = Endpoints(metrics, self._refresh)

    async def open(self, config: Config) -> None:
        """Answer from now on. Raises `ListenError`."""
        await self._endpoints.open(config.keyring, config.metrics)
        self._metrics.configuration = config.digest

    async def follow(self, config: Config) -> None:
        """Follow a reload: listen where the new configuration says. Raises `ListenError`; then nothing has changed."""
        await self._endpoints.move(config.metrics)
        self._metrics.configuration = config.digest

    async def watch(self) -> None:
        """Refresh or report the figures at intervals, until cancelled."""
        while True:
            self._refresh()
            self._metrics.tick()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Stop answering requests for metrics."""
        await self._endpoints.close()

    def _refresh(self) -> None:
        raise NotImplementedError


class LocalReporting(_Reporting):
    """For a single process: `open`, `watch` while it serves, `close`."""

    def __init__(self, observer: Observer, state: Callable[[], ProcessState]) -> None:
        super().__init__(observer, Metrics())
        self._state = state

    def _refresh(self) -> None:
        self._metrics.hear(0, self._observer.counters.take(), self._state())


class SupervisorReporting(_Reporting):
    """For a supervisor: reports for all its workers."""

    def __init__(self, workers: int, observer: Observer) -> None:
        super().__init__(observer, Metrics(workers))

    async def open(self, config: Config) -> None:
        """Answer from now on. Raises `ListenError`, `EngineError` for the keyring folder."""
        home.prepare(config.keyring)
        await super().open(config)

    def hear(self, worker: int, report: dict[str, Any]) -> None:
        """What a worker says of itself."""
        state = ProcessState(report["in_progress"], report["lacks"])
        self._metrics.hear(worker, Counters.read(report["counters"]), state)

    def lost(self, worker: int) -> None:
        """Forget a worker that has ended."""
        self._metrics.lost(worker)

    def _refresh(self) -> None:
        self._metrics.counters.add(self._observer.counters.take())


class WorkerReporting:
    """For a worker: its supervisor answers for it."""

    def __init__(self, observer: Observer, state: Callable[[], ProcessState], channel: Channel) -> None:
        self._observer = observer
        self._state = state
        self._channel = channel

    async def open(self, _config: Config) -> None:
        """Nothing: the supervisor answers."""

    async def follow(self, _config: Config) -> None:
        """Nothing: the supervisor follows."""

    async def watch(self) -> None:
        """Refresh or report the figures at intervals, until cancelled."""
        while True:
            self._report()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Report what was counted last."""
        self._report()

    def _report(self) -> None:
        """Only as much as the supervisor takes now; the rest comes with the next report."""
        for rows in self._observer.counters.take().pieces():
            if self._channel.idle:
                state = self._state()
                self._channel.send({"counters": rows, "in_progress": state.in_progress, "lacks": state.lacks})
            else:
                self._observer.counters.add(Counters.read(rows))
