"""Connections on which nothing is asked for some seconds: who asks ends them, and not who answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import pytest

from relay.channel.client import Channel
from relay.model.console import Person, Role
from relay.model.endpoint import HTTP_IDLE, HttpPlace
from relay.model.public import ObjectKind
from relay.web.console.relay_link import RelayLink
from relay.web.http.connections import Bounds

Ask = Callable[[], Awaitable[object]]


class Answering:
    """Answers everything, and counts the connections."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                _, _, length = head.partition(b"content-length: ")
                await reader.readexactly(int(length.split(b"\r\n")[0] or b"0"))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()


@asynccontextmanager
async def console(place: HttpPlace) -> AsyncIterator[Ask]:
    link = RelayLink(place)
    try:
        yield lambda: link.ask(Person("anne", Role.READER), "today", {})
    finally:
        await link.close()


@asynccontextmanager
async def relay(place: HttpPlace) -> AsyncIterator[Ask]:
    channel = Channel(place)
    try:
        yield lambda: channel.activate(ObjectKind.PICKUP, "a")
    finally:
        await channel.close()


@pytest.mark.parametrize("asking", [console, relay])
async def test_a_request_met_the_end_of_a_connection_that_was_idle(
    asking: Callable[[HttpPlace], AbstractAsyncContextManager[Ask]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was asked for 15 seconds after the last one could be 503."""
    now, there = 0.0, Answering()
    monkeypatch.setattr("aiohttp.connector.monotonic", lambda: now)
    server = await asyncio.start_unix_server(there.serve, tmp_path / "s")
    async with server, asking(HttpPlace(path=str(tmp_path / "s"))) as ask:
        for later, connections in ((0.0, 1), (HTTP_IDLE - 1, 1), (Bounds().idle - 5, 2)):
            now += later
            await ask()
            assert there.connections == connections
