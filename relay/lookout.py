"""How a serving process is watched: what it counts, how it stands, and where that is told.

The only process answers for itself. A worker tells its supervisor every second, which adds the figures of all up
and answers; where the supervisor does not read, the worker keeps its figures and goes on with mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from relay.config import Config
from relay.metrics.figures import Figures, Standing
from relay.metrics.observer import Observer
from relay.metrics.window import Window
from relay.openpgp.home import reachable

EVERY = 1.0


class Lookout:
    """Of the only process: `open`, `watch` beside the mail, `close`."""

    def __init__(self, observer: Observer, standing: Callable[[], Standing]) -> None:
        self._observer = observer
        self._standing = standing
        self._figures = Figures()
        self._window = Window(self._figures, self._refresh)

    async def open(self, config: Config) -> None:
        """Answer from now on. Raises `ListenError`."""
        await self._window.open(reachable(Path(config.keyring)), config.metrics)

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
        self._figures.hear(0, self._observer.tally.take(), self._standing())
