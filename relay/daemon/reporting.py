"""How serving processes are watched: what they count, how they stand, and where that is told.

The only process answers for itself (`Lookout`). A worker reports to its supervisor every second (`Reporter`), which
adds the figures of all up and answers (`Gatherer`). Reports are datagrams on a pair of unnamed sockets, sent without
waiting: where the supervisor does not read, a worker keeps its figures, adds to them, and goes on with mail. What a
worker that was killed had not reported yet, a second's worth, is lost.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable

from relay.config import Config
from relay.openpgp import home
from relay.telemetry import events
from relay.telemetry.counters import Rows, Tally
from relay.telemetry.endpoints import Window
from relay.telemetry.events import Event
from relay.telemetry.figures import Figures, Standing
from relay.telemetry.observer import Observer

EVERY = 1.0
_LARGEST = 1 << 18


class _Watch:
    """What is told through a window, and looked at every second."""

    def __init__(self, observer: Observer, figures: Figures) -> None:
        self._observer = observer
        self._figures = figures
        self._window = Window(figures, self._refresh)

    async def open(self, config: Config) -> None:
        """Answer from now on. Raises `ListenError`."""
        await self._window.open(home.reachable(config.keyring), config.metrics)

    async def follow(self, config: Config) -> None:
        """What a reload changed. Raises `ListenError`; then nothing is."""
        await self._window.move(config.metrics)

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            self._refresh()
            self._figures.tick()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Tell no more."""
        await self._window.close()

    def _refresh(self) -> None:
        raise NotImplementedError


class Lookout(_Watch):
    """Of the only process: `open`, `watch` beside the mail, `close`."""

    def __init__(self, observer: Observer, standing: Callable[[], Standing]) -> None:
        super().__init__(observer, Figures())
        self._standing = standing

    def _refresh(self) -> None:
        self._figures.hear(0, self._observer.tally.take(), self._standing())


class Gatherer(_Watch):
    """Of a supervisor: as a `Lookout`, of all its workers."""

    def __init__(self, workers: int, observer: Observer) -> None:
        super().__init__(observer, Figures(workers))
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._ours, self._theirs):
            end.settimeout(0)

    @property
    def descriptor(self) -> int:
        """What workers report to: one for all."""
        return self._theirs.fileno()

    async def open(self, config: Config) -> None:
        """Hear and answer from now on. Raises `ListenError`, `EngineError` for the keyring folder."""
        home.prepare(config.keyring)
        await super().open(config)
        asyncio.get_running_loop().add_reader(self._ours.fileno(), self._hear)

    def lost(self, worker: int) -> None:
        """That one has ended."""
        self._hear()
        self._figures.lost(worker)

    async def close(self) -> None:
        """Hear and tell no more."""
        asyncio.get_running_loop().remove_reader(self._ours.fileno())
        await super().close()
        self._ours.close()
        self._theirs.close()

    def _refresh(self) -> None:
        self._hear()
        self._figures.tally.add(self._observer.tally.take())

    def _hear(self) -> None:
        try:
            while True:
                worker, underway, lacks, rows = json.loads(self._ours.recv(_LARGEST))
                self._figures.hear(worker, Tally.read(rows), Standing(underway, lacks))
        except BlockingIOError:
            pass  # all is read


class Reporter:
    """Of a worker, in the place of a `Lookout`."""

    def __init__(self, observer: Observer, standing: Callable[[], Standing], number: int, descriptor: int) -> None:
        self._observer = observer
        self._standing = standing
        self._number = number
        self._socket = socket.socket(fileno=descriptor) if descriptor >= 0 else None

    async def open(self, _config: Config) -> None:
        """The supervisor answers."""

    async def follow(self, _config: Config) -> None:
        """And moves."""

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            self._report()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """What was counted last."""
        self._report()
        if self._socket:
            self._socket.close()

    def _report(self) -> None:
        """What is not taken now comes again with the next."""
        pieces = list(self._observer.tally.take().pieces())
        try:
            while pieces:
                self._send(pieces[0])
                del pieces[0]
        except BlockingIOError:
            pass  # it does not read just now
        except OSError as error:  # it has gone: so does this process
            events.log().error(Event.FAILED, **events.unforeseen(error))
        for piece in pieces:
            self._observer.tally.add(Tally.read(piece))

    def _send(self, rows: Rows) -> None:
        standing = self._standing()
        if self._socket:
            self._socket.send(json.dumps([self._number, standing.underway, standing.lacks, rows]).encode())
