"""The role of a serving process: a single process, or one of several workers of a supervisor.

A role says where to listen, who is notified that the process serves, who reports what it counts, where a new
configuration comes from, and whether the regular jobs (key refresh, the daily report, retention) run in this process:
of several workers, the first one runs them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from relay import config
from relay.config import Config, Endpoint
from relay.daemon import systemd
from relay.daemon.inlets import Inlets
from relay.daemon.reporting import LocalReporting, WorkerReporting
from relay.daemon.signals import Signals
from relay.process import pickled
from relay.process.ipc import BadFrame, Channel
from relay.smtp.balance import Balance
from relay.smtp.listening import Inherited
from relay.smtp.spread import Shared
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.metrics import ProcessState
from relay.telemetry.observer import Observer

BEAT = 10.0
"""Seconds between two signs of life of a worker."""


class Standalone:
    """A single process: it notifies the service manager itself."""

    duties = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def reporting(self, observer: Observer, state: Callable[[], ProcessState]) -> LocalReporting:
        """It answers for itself."""
        return LocalReporting(observer, state)

    async def listen(self, inlets: Inlets, settings: Config) -> list[str]:
        """Start the inlets on all places of the configuration; returns these places."""
        wanted = [(place, place in settings.inbound.listen) for place in settings.everywhere]
        return [address for place, way in wanted for address in await inlets.of(incoming=way).start(place)]

    def ready(self, listening: Sequence[str]) -> None:
        """Say that this process serves."""
        events.log().info(Event.READY, listen=listening)
        systemd.ready()

    async def watch(self, signals: Signals) -> None:
        """Nothing: signals alone say what to do."""

    async def keep_alive(self) -> None:
        """Until cancelled: say that it serves."""
        await systemd.keep_alive()

    async def fresh(self) -> Config:
        """The configuration as it is now. Raises `ConfigError`."""
        return await asyncio.to_thread(config.load, self._path)

    def reloaded(self, *, changed: bool) -> None:
        """Called after a reload; `changed`: the new configuration counts."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker is sent at its start."""

    number: int
    path: Path
    config: Config
    places: Mapping[Endpoint, int]
    """The places where it listens, with the descriptors of their sockets."""
    incoming: frozenset[Endpoint] = frozenset()
    """The places for incoming mail."""
    spread: Shared | None = None
    """How connections are spread evenly; None: whichever worker accepts one keeps it."""
    beat: float = BEAT

    @property
    def descriptors(self) -> list[int]:
        """What the worker inherits."""
        return [*self.places.values(), *(self.spread.descriptors if self.spread else ())]


class WorkerRole:
    """One of several; `channel` leads to the supervisor."""

    def __init__(self, spec: WorkerSpec, channel: Channel) -> None:
        self._spec = spec
        self._channel = channel
        self._config = spec.config

    @property
    def duties(self) -> bool:
        """Whether the regular jobs are its work."""
        return self._spec.number == 0

    def reporting(self, observer: Observer, state: Callable[[], ProcessState]) -> WorkerReporting:
        """The supervisor answers for all."""
        return WorkerReporting(observer, state, self._channel)

    async def listen(self, inlets: Inlets, _settings: Config) -> list[str]:
        """Start the inlets on what the supervisor has reserved, whatever the configuration says by now."""
        listening: list[str] = []
        for place, sockets in self._sockets():
            inlet = inlets.of(incoming=place in self._spec.incoming)
            for each in sockets:
                await inlet.start(place, listening=each)
            listening.append(str(place))
        return listening

    def _sockets(self) -> Iterator[tuple[Endpoint, Sequence[socket.socket]]]:
        balance = Balance(self._spec.spread, self._spec.number) if self._spec.spread else None
        for number, (place, descriptor) in enumerate(self._spec.places.items()):
            yield place, balance.sockets(number, descriptor) if balance else [Inherited(fileno=descriptor)]

    def ready(self, listening: Sequence[str]) -> None:
        """Say that this process serves."""
        events.log().info(Event.WORKER_READY, pid=os.getpid())
        self._channel.send({"ready": list(listening)})

    async def watch(self, signals: Signals) -> None:
        """Until cancelled: take new configurations; without a supervisor finish what is in flight, and end."""
        try:
            while frame := await self._channel.receive(pickled.LIMITS):
                self._config = pickled.unpacked(frame)
                signals.hangup.set()
        except BadFrame as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))
        signals.stop.set()

    async def keep_alive(self) -> None:
        """Until cancelled: the supervisor kills a worker whose event loop stands still."""
        while True:
            self._channel.send({"alive": True})
            await asyncio.sleep(self._spec.beat)

    async def fresh(self) -> Config:
        """What the supervisor has read and sent."""
        return self._config

    def reloaded(self, *, changed: bool) -> None:
        """Tell the supervisor whether the new configuration counts."""
        self._channel.send({"reloaded": changed})


Role = Standalone | WorkerRole
