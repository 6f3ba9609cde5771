"""The process that fetches from domains (`python -m relay.keys.wkd.fetch_process DESCRIPTOR`) for `fetch_client`.

It is told the settings first, then whom to ask for (`ask`), and when an answer is no longer held, or no longer wanted
(`end`). Between answers it says that it is `alive`. It gives way to others (nice), hears no signal of a terminal or a
service manager, and ends when its channel does.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from relay.keys.wkd import protocol
from relay.keys.wkd.port import Fetch, Settings
from relay.keys.wkd.reason import NAME, Reason
from relay.model import Address, Outage
from relay.model.errors import ConfigError
from relay.process import pool
from relay.process.memory import return_large
from relay.process.priority import give_way

NICE = 5
MOST_SETTINGS = 8 << 20
"""Octets: a configuration may name another place for very many hosts."""
BEAT = 10.0
"""Seconds between two words that it is alive."""


class Asked:
    """What is being asked."""

    def __init__(self, fetcher: Fetch, writer: asyncio.StreamWriter) -> None:
        self._fetcher = fetcher
        self._writer = writer
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def take(self, words: dict[str, Any]) -> None:
        """What the relay said."""
        if "ask" in words:
            self._tasks[words["ask"]] = asyncio.create_task(self._answer(words["ask"], Address(words["address"])))
        elif task := self._tasks.pop(words["end"], None):
            task.cancel()

    def cancel(self) -> None:
        """Nobody waits any more."""
        for task in self._tasks.values():
            task.cancel()

    async def beat(self) -> None:
        """Until cancelled."""
        while True:
            self._writer.write(protocol.encode({"alive": True}))
            await self._writer.drain()
            await asyncio.sleep(BEAT)

    async def _answer(self, number: int, address: Address) -> None:
        try:
            async with self._fetcher.fetched(address) as fetched:
                await self._tell(protocol.encoded(number, fetched))
                await asyncio.Event().wait()  # its place is taken until it is ended
        except Exception as error:  # noqa: BLE001  the edge: the relay is told by its type alone
            await self._tell(protocol.encoded(number, Outage(NAME, Reason.FETCHER)))
            await self._tell(protocol.encode({"unforeseen": type(error).__name__}))

    async def _tell(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()


def settings_of(words: dict[str, Any]) -> Settings:
    """As `apart` wrote them."""
    return Settings(
        words["timeout"],
        Path(words["ca_file"]) if words["ca_file"] else None,
        {(host, port): (to, at) for host, port, to, at in words["connect_to"]},
        tuple(ip_network(network) for network in words["allow_networks"]),
    )


async def serve(channel: socket.socket) -> None:
    """Until the other end is closed."""
    reader, writer = await asyncio.open_connection(sock=channel, limit=MOST_SETTINGS)
    frame = await protocol.read(reader)
    if frame is None:
        return
    from relay.keys.wkd.fetcher import Fetcher  # noqa: PLC0415  loads aiohttp, a third of a second: nice by now

    try:
        fetcher = Fetcher(settings_of(frame.words))
    except ConfigError as error:
        writer.write(protocol.encode({"unforeseen": type(error).__name__}))
        await writer.drain()
        return
    asked = Asked(fetcher, writer)
    beating = asyncio.create_task(asked.beat())
    try:
        while frame := await protocol.read(reader):
            asked.take(frame.words)
    finally:
        beating.cancel()
        asked.cancel()
        await fetcher.close()


def main() -> None:
    """The process's side."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    give_way(NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return_large()
    try:
        asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
    finally:
        pool.stop()
        os._exit(0)  # a thread that waits for a name service would be waited for


if __name__ == "__main__":
    main()
