"""What a connection needs of its server: admission, limits, and the handling of messages."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

from relay.model import Inbound, Reply
from relay.process.budget import Budget
from relay.process.room import Room
from relay.smtp.bounds import Bounds
from relay.smtp.memory_share import MemoryShare

Answer = Callable[[tuple[Reply, ...]], Awaitable[bool]]
"""Writes the replies to the client; True when they were handed over."""

Awaited = Callable[[], bool]
"""Whether the client is still there for the replies."""


class Delivery(Protocol):
    """One message: first `replies`, and at the end always `settle`."""

    async def replies(self, awaited: Awaited, /) -> tuple[Reply, ...]:
        """One reply for each recipient, in the envelope's order; 250 only once another server has the message."""

    async def settle(self, *, delivered: bool) -> None:
        """The replies were handed to the client; or the client left, or the server stopped, before they could be."""


Begin = Callable[[Inbound], Delivery]
"""Takes a message."""


class Dismissable(Protocol):
    """A connection, as its server sees it."""

    busy: bool
    """A message is being received or handled."""
    spoke: float
    """When the client last got a reply (`time.monotonic`)."""

    def dismiss(self, reply: Reply, *, at_once: bool = False) -> None:
        """Send this reply and close."""


class Host(Protocol):
    """What a session needs of its server."""

    hostname: str
    bounds: Bounds
    budget: Budget
    room: Room
    tls: ssl.SSLContext | None
    stopping: bool

    def arrive(self, session: Dismissable, peer: str) -> Reply | None:
        """A new connection; a reply means that it is refused."""

    def leave(self, session: Dismissable) -> None:
        """The connection is gone."""

    def deliver(self, inbound: Inbound, answer: Answer, awaited: Awaited, share: MemoryShare) -> asyncio.Task[None]:
        """Handle the message in a task of the host's own, answer, and give the share back."""
