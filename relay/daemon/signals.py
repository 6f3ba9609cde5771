"""The signals of a running process: SIGTERM and SIGINT stop it, SIGHUP makes it read its configuration again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

from relay.daemon import systemd
from relay.telemetry import events
from relay.telemetry.events import Event

_STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Events, which others may set too."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hangup = asyncio.Event()

    def listen(self) -> None:
        """Catch these signals from now on."""
        loop = asyncio.get_running_loop()
        for name in _STOP:
            loop.add_signal_handler(name, self.stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.hangup.set)

    async def reload_with(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this at each hangup, until cancelled."""
        while await self.hangup.wait():
            self.hangup.clear()
            with systemd.reloading():
                try:
                    await work()
                except Exception as error:  # noqa: BLE001  the edge: the next hangup is obeyed, whatever went wrong
                    events.log().error(Event.NOT_RELOADED, **events.unforeseen(error))


def ignore_signals() -> None:
    """Ignore them at the end: a second SIGTERM must not replace the exit status by a death by signal."""
    for name in _STOP:
        asyncio.get_running_loop().remove_signal_handler(name)
        signal.signal(name, signal.SIG_IGN)
