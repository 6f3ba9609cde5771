"""TLS handshakes in progress, which are counted from accept on.

`Handshakes` keeps them, the oldest first. `Handshake` is the TLS of one connection, as asyncio makes it for a server
with TLS. It is needed because asyncio tells a server of a connection only after its handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Any

BUFFER = 1 << 15
"""Octets that each connection reads at a time, and holds from accept on."""

Begin = Callable[[asyncio.Transport], None]


class Handshakes:
    """Those in progress, with the client of each (`relay.web.http.clients`)."""

    def __init__(self) -> None:
        self._under_way: dict[object, tuple[asyncio.Transport, str]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def of(self, client: str) -> int:
        """The number of handshakes of this client."""
        return sum(client == one for _, one in self._under_way.values())

    def begin(self, transport: asyncio.Transport, client: str) -> None:
        """Count it."""
        self._under_way[_socket(transport)] = transport, client

    def end(self, transport: asyncio.BaseTransport) -> None:
        """Stop counting it: it is over, or has failed, or there was none."""
        self._under_way.pop(_socket(transport), None)

    def give_up(self, client: str | None = None) -> bool:
        """End the oldest one, of all clients or of this one. Returns whether there was one."""
        for key, (transport, one) in self._under_way.items():
            if client is None or client == one:
                del self._under_way[key]
                transport.abort()
                return True
        return False

    def give_up_all(self) -> None:
        """End all of them."""
        while self.give_up():
            pass


class Handshake(SSLProtocol):
    """The TLS of one connection. `begin` and `end` are told of its transport at accept, and when it is lost."""

    max_size = BUFFER

    def __init__(
        self, connection: asyncio.Protocol, tls: ssl.SSLContext, seconds: float, begin: Begin, end: Begin
    ) -> None:
        """`seconds` limits the handshake, and the TLS shutdown."""
        loop = asyncio.get_running_loop()
        settings: dict[str, Any] = {"ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": seconds}
        waiter: Any = None  # typeshed allows neither None nor fractions of seconds
        super().__init__(loop, connection, tls, waiter, server_side=True, **settings)
        self._begin, self._end = begin, end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it: asyncio calls this at accept."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("asyncio makes a transport that reads and writes")
        self._plain = transport
        super().connection_made(transport)
        self._begin(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop counting it."""
        self._end(self._plain)
        super().connection_lost(exc)


def _socket(transport: asyncio.BaseTransport) -> object:
    """What a transport and the one of TLS over it have in common."""
    return transport.get_extra_info("socket")
