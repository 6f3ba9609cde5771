"""HTTP answers that arrive in pieces, as large ones do: the console waits for their end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.ports import free_port

from relay.model.console import Person, Role
from relay.model.endpoint import HttpPlace
from relay.web.console import provider, relay_link
from relay.web.console.provider import Provider, ProviderError
from relay.web.console.relay_link import LinkError, RelayLink

ANNE = Person("anne", Role.READER)
SAID = {"rows": ["one", "two"]}
Ask = Callable[[], Awaitable[dict[str, Any]]]


class Halves:
    """Answers with half of the octets, and with the other half when it is told to."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.first, self.rest = asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        half = len(self._octets) // 2
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self._octets) + self._octets[:half])
        await writer.drain()
        self.first.set()
        await self.rest.wait()
        writer.write(self._octets[half:])
        writer.close()


@asynccontextmanager
async def asking_the_relay(halves: Halves, folder: Path) -> AsyncIterator[Ask]:
    server = await asyncio.start_unix_server(halves.serve, folder / "control")
    link = RelayLink(HttpPlace(path=str(folder / "control")))
    async with server:
        try:
            yield lambda: link.ask(ANNE, "today", {})
        finally:
            await link.close()


@asynccontextmanager
async def asking_the_provider(halves: Halves, _: Path) -> AsyncIterator[Ask]:
    port = free_port()
    server = await asyncio.start_server(halves.serve, "127.0.0.1", port)
    client = Provider(None)
    async with server:
        try:
            yield lambda: client.get(f"http://127.0.0.1:{port}/keys")
        finally:
            await client.close()


WAYS = pytest.mark.parametrize("way", [asking_the_relay, asking_the_provider])


@WAYS
async def test_an_answer_that_came_in_two_pieces_was_no_answer(
    way: Any,  # noqa: ANN401  one of `WAYS`
    tmp_path: Path,
) -> None:
    halves = Halves(json.dumps(SAID).encode())
    async with way(halves, tmp_path) as ask:
        asked = asyncio.ensure_future(ask())
        await halves.first.wait()
        await asyncio.wait({asked}, timeout=0.2)
        halves.rest.set()
        assert await asked == SAID


@WAYS
async def test_an_answer_longer_than_it_may_be_is_none(
    way: Any,  # noqa: ANN401  one of `WAYS`
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    octets = json.dumps(SAID).encode()
    monkeypatch.setattr(provider, "MOST_OCTETS", len(octets) - 1)
    monkeypatch.setattr(relay_link, "MOST_OCTETS", len(octets) - 1)
    halves = Halves(octets)
    halves.rest.set()
    async with way(halves, tmp_path) as ask:
        with pytest.raises((LinkError, ProviderError)):
            await ask()
