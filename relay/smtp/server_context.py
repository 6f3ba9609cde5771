"""What a connection needs of the inlet it belongs to: admission, numbers, and somebody who handles messages."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol

from relay.model import Inbound, Reply
from relay.process.budget import Budget, Lease
from relay.smtp.bounds import Bounds

Answer = Callable[[tuple[Reply, ...]], Awaitable[bool]]
"""Writes the replies to the client; True when they were handed over."""


class Dismissable(Protocol):
    """A connection, as its inlet sees it."""

    busy: bool
    """A message is being received or handled."""
    spoke: float
    """When the client last got a reply (`time.monotonic`)."""

    def dismiss(self, reply: Reply, *, at_once: bool = False) -> None:
        """Say this and close."""


class Host(Protocol):
    """What a session needs of its inlet."""

    hostname: str
    bounds: Bounds
    budget: Budget
    tls: ssl.SSLContext | None
    stopping: bool

    def arrive(self, session: Dismissable, peer: str) -> Reply | None:
        """A connection; a reply refuses it."""

    def leave(self, session: Dismissable) -> None:
        """The connection is gone."""

    def deliver(self, inbound: Inbound, answer: Answer, lease: Lease) -> asyncio.Task[None]:
        """Handle the message in a task of the host's own, answer, and give the lease back."""
