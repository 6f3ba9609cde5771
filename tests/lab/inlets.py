"""An inlet for a test: takes every message, notes what it got and what became of the answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from relay.config import Endpoint
from relay.model import Inbound, Reply, replies
from relay.smtp.bounds import Bounds
from relay.smtp.inlet import Inlet
from relay.smtp.outlet import SmtpOutlet

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass
class Running:
    """`url` to talk to, `got` what was handed to the application, `told` what deliveries were settled with."""

    inlet: Inlet
    url: str = ""
    got: list[Inbound] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)
    awaited: list[Callable[[], bool]] = field(default_factory=list)
    """For each message, whether its client is still there."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    async def until(self, *, got: int = 0, told: int = 0) -> None:
        while len(self.got) < got or len(self.told) < told:
            self.news.clear()
            await self.news.wait()

    async def until_left(self) -> None:
        """No client is connected any more."""
        while self.inlet._sessions:
            self.inlet._quiet.clear()
            await self.inlet._quiet.wait()


@dataclass
class Handled:
    """A `Delivery` of two functions."""

    inbound: Inbound
    handle: Callable[[Inbound], Awaitable[tuple[Reply, ...]]]
    settled: Callable[[Inbound, bool], Awaitable[None]]
    awaited: list[Callable[[], bool]]

    async def replies(self, awaited: Callable[[], bool]) -> tuple[Reply, ...]:
        self.awaited.append(awaited)
        return await self.handle(self.inbound)

    async def settle(self, *, delivered: bool) -> None:
        await self.settled(self.inbound, delivered)


def place_of(url: str) -> Endpoint:
    """As the configuration reads it, and port 0 for a free one."""
    if not url.endswith(":0"):
        return Endpoint.parse(url)
    return replace(Endpoint.parse(f"{url[:-1]}1"), port=0)


def take(inbound: Inbound) -> tuple[Reply, ...]:
    """250 for each."""
    return tuple(replies.delivered(inbound.id) for _ in inbound.envelope.recipients)


@asynccontextmanager
async def inlet(  # noqa: PLR0913  as many as the inlet has
    url: str = "lmtp://127.0.0.1:0",
    process: Callable[[Inbound], Awaitable[tuple[Reply, ...]]] | None = None,
    *,
    allow: Sequence[IPv4Network | IPv6Network] = LOOPBACK,
    tls: ssl.SSLContext | None = None,
    bounds: Bounds | None = None,
    grace: float = 5,
) -> AsyncIterator[Running]:
    async def handle(inbound: Inbound) -> tuple[Reply, ...]:
        running.got.append(inbound)
        running.news.set()
        return take(inbound) if process is None else await process(inbound)

    async def settled(_inbound: Inbound, delivered: bool) -> None:
        running.told.append(delivered)
        running.news.set()

    running = Running(
        Inlet(
            lambda inbound: Handled(inbound, handle, settled, running.awaited),
            hostname="relay.example",
            allow=allow,
            tls=tls,
            bounds=bounds,
        )
    )
    (running.url,) = await running.inlet.start(place_of(url))
    try:
        yield running
    finally:
        await running.inlet.stop(grace)


@asynccontextmanager
async def passing(url: str, hop_url: str) -> AsyncIterator[Running]:
    """Inlet -> outlet, nothing between."""
    outlet = SmtpOutlet(Endpoint.parse(hop_url), hostname="relay.example")

    async def process(inbound: Inbound) -> tuple[Reply, ...]:
        return await outlet.send(inbound.envelope, inbound.content)

    async with inlet(url, process) as running:
        yield running
    await outlet.close()
