"""Where a serving process stands: alone, or as one of several workers under a supervisor (`relay.daemon.supervisor`).

Says where to listen, whom to tell, where figures go and a new configuration comes from, when to stop although no signal
came, and whether what is done beside mail (upkeep, the daily mail, pruning) is this process's work: of several it is
the first one's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from relay import config
from relay.config import Config, Endpoint
from relay.daemon import systemd
from relay.daemon.reporting import Lookout, Reporter
from relay.daemon.signals import Signals
from relay.process import ipc
from relay.smtp.inlet import Inlet
from relay.smtp.listening import Shared
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.figures import Standing
from relay.telemetry.observer import Observer

BEAT = 10.0
"""Seconds between two words of a worker to its supervisor."""


class Alone:
    """The only process: it tells the log and the service manager itself."""

    duties = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def lookout(self, observer: Observer, standing: Callable[[], Standing]) -> Lookout:
        """It answers for itself."""
        return Lookout(observer, standing)

    async def listen(self, inlet: Inlet, settings: Config) -> list[str]:
        """Start the inlet everywhere; the places."""
        return [address for place in settings.listen for address in await inlet.start(place)]

    def ready(self, listening: Sequence[str]) -> None:
        """It serves."""
        events.log().info(Event.READY, listen=listening)
        systemd.ready()

    def watch(self, signals: Signals) -> None:
        """Nobody else says what to do."""

    async def keep_alive(self) -> None:
        """Until cancelled: say that it serves."""
        await systemd.keep_alive()

    async def fresh(self) -> Config:
        """The configuration as it is now. Raises `ConfigError`."""
        return await asyncio.to_thread(config.load, self._path)

    def reloaded(self, *, changed: bool) -> None:
        """It has tried to use that."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told at its start."""

    number: int
    path: Path
    config: Config
    places: Mapping[Endpoint, int]
    """To the descriptor of its listening socket; -1: bind it, with SO_REUSEPORT."""
    figures: int = -1
    """The descriptor of the socket that figures are reported to; -1: nobody wants them."""
    beat: float = BEAT


class Worker:
    """One of several; `channel` leads to the supervisor."""

    def __init__(self, order: Order, channel: socket.socket) -> None:
        self._order = order
        self._channel = channel
        self._config = order.config

    @property
    def duties(self) -> bool:
        """Whether what is done beside mail is its work."""
        return self._order.number == 0

    def lookout(self, observer: Observer, standing: Callable[[], Standing]) -> Reporter:
        """The supervisor answers for all."""
        return Reporter(observer, standing, self._order.number, self._order.figures)

    async def listen(self, inlet: Inlet, _settings: Config) -> list[str]:
        """Start the inlet on what the supervisor has reserved, whatever the configuration says by now."""
        listening: list[str] = []
        for place, descriptor in self._order.places.items():
            if descriptor < 0:
                listening += await inlet.start(place, reuse_port=True)
            else:
                listening += await inlet.start(place, listening=Shared(fileno=descriptor))
        return listening

    def ready(self, listening: Sequence[str]) -> None:
        """It serves."""
        events.log().info(Event.WORKING, pid=os.getpid())
        self.tell(ready=list(listening))

    def watch(self, signals: Signals) -> None:
        """Hear the supervisor: a new configuration; without it there is nothing left to do but to finish and end."""
        loop = asyncio.get_running_loop()

        def hear() -> None:
            try:
                self._config = ipc.receive(self._channel)
                signals.hangup.set()
            except (OSError, EOFError):
                loop.remove_reader(self._channel.fileno())
                signals.stop.set()

        loop.add_reader(self._channel.fileno(), hear)

    async def keep_alive(self) -> None:
        """Until cancelled: the supervisor kills a worker whose event loop stands still."""
        while True:
            self.tell(alive=True)
            await asyncio.sleep(self._order.beat)

    async def fresh(self) -> Config:
        """What the supervisor has read and sent."""
        return self._config

    def reloaded(self, *, changed: bool) -> None:
        """The supervisor wants to know."""
        self.tell(reloaded=changed)

    def tell(self, **what: object) -> None:
        """One line for the supervisor; where it has gone, `watch` sees it too."""
        try:
            self._channel.sendall(json.dumps(what).encode() + b"\n")
        except OSError as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))


Post = Alone | Worker
