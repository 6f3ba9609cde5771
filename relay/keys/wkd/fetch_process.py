"""The process that fetches from domains (`python -m relay.keys.wkd.fetch_process DESCRIPTOR`) for `fetch_client`.

It gets the settings first, then the addresses to ask for (`ask`), and learns when an answer is no longer used or no
longer wanted (`end`). Every `BEAT` seconds it says that it is `alive`. It gives way to others (nice), ignores the
signals of a terminal or a service manager, and ends when its channel does.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from typing import Any

from relay.keys.wkd import protocol
from relay.keys.wkd.port import Fetch
from relay.keys.wkd.reason import NAME, Reason
from relay.model import Address, Outage
from relay.model.errors import ConfigError
from relay.process.ipc import Channel
from relay.process.memory import return_freed_memory
from relay.process.priority import give_way

NICE = 5
BEAT = 10.0
"""Seconds between two signs of life."""


class Requests:
    """The addresses being asked for."""

    def __init__(self, fetcher: Fetch, channel: Channel) -> None:
        self._fetcher = fetcher
        self._channel = channel
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def take(self, words: dict[str, Any]) -> None:
        """Begin or end one."""
        if "ask" in words:
            asking = self._answer(words["ask"], Address(words["address"]), words["server"])
            self._tasks[words["ask"]] = asyncio.create_task(asking)
        elif task := self._tasks.pop(words["end"], None):
            task.cancel()

    def cancel(self) -> None:
        """End all of them."""
        for task in self._tasks.values():
            task.cancel()

    async def beat(self) -> None:
        """Send a sign of life every `BEAT` seconds, until cancelled."""
        while True:
            self._channel.send({"alive": True})
            await self._channel.drain()
            await asyncio.sleep(BEAT)

    async def _answer(self, number: int, address: Address, server: str) -> None:
        try:
            async with self._fetcher.fetched(address, server) as fetched:
                self._channel.send(*protocol.answer_frame(number, fetched))
                await self._channel.drain()
                await asyncio.Event().wait()  # its place is taken until it is ended
        except Exception as error:  # noqa: BLE001  the edge: the relay is told by its type alone
            self._channel.send(*protocol.answer_frame(number, Outage(NAME, Reason.FETCHER)))
            self._channel.send({"unforeseen": type(error).__name__})


async def serve(end: socket.socket) -> None:
    """Work until the other end is closed."""
    channel = await Channel.open(end)
    frame = await channel.receive(protocol.REQUEST)
    if frame is None:
        return
    from relay.keys.wkd.fetcher import Fetcher  # noqa: PLC0415  loads aiohttp, a third of a second: nice by now

    try:
        fetcher = Fetcher(protocol.settings_of(frame.words))
    except ConfigError as error:
        channel.send({"unforeseen": type(error).__name__})
        await channel.drain()
        return
    requests = Requests(fetcher, channel)
    beating = asyncio.create_task(requests.beat())
    try:
        while frame := await channel.receive(protocol.REQUEST):
            requests.take(frame.words)
    finally:
        beating.cancel()
        requests.cancel()
        await fetcher.close()


def main() -> None:
    """Run the process, until its channel ends."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    give_way(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return_freed_memory()
    try:
        asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
    finally:
        os._exit(0)  # a thread that waits for a name service would be waited for


if __name__ == "__main__":
    main()
