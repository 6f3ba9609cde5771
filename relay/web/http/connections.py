"""The connections of the HTTP server, each within its bounds: how many there are, and how long each may take."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import LineTooLong
from aiohttp.payload import Payload

from relay.web.http.clients import Network, client_of
from relay.web.http.handshakes import Handshake, Handshakes
from relay.web.http.messages import Answer, said

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "Server": "pgp-relay",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer has, where it does not say otherwise."""

SMALL_BODY = 1 << 16
"""The most octets of a body that does not count towards the budget."""
LINGER = 2.0
"""Seconds in which the rest of a refused body is discarded, so that a client that still sends sees the answer."""
_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True  # aiohttp would write what was asked into our log


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one server."""

    connections: int = 1000
    """TLS handshakes in progress count too."""
    of_one_client: int = 50
    """Of each client address; a trusted reverse proxy may have all connections."""
    head: int = 8192
    """Octets of the request line, and of one field."""
    fields: int = 64
    idle: float = 15.0
    """Seconds for a TLS handshake, for a request's head, and between two requests."""
    seconds: float = 30.0
    """For a request and its answer, and so much more for each `slowest` octets."""
    slowest: int = 8192
    memory: int = 256 << 20
    """Octets of large bodies that are held at a time."""
    memory_of_one: int = 64 << 20
    """Of these, what one client address may have, and what is sent to one path: the largest body, sent or read as
    slowly as may be, holds it for hours."""


class Connections(web.Server):
    """Makes a handler for each connection."""

    def __init__(self, handler: Any, bounds: Bounds, proxies: Sequence[Network]) -> None:  # noqa: ANN401  aiohttp's
        settings: dict[str, Any] = {
            "logger": _SILENT,
            "access_log": None,
            "lingering_time": LINGER,
            "keepalive_timeout": bounds.idle,
            "max_headers": bounds.fields,
            "max_line_size": bounds.head,
            "max_field_size": bounds.head,
            "read_bufsize": SMALL_BODY,
            "auto_decompress": False,
        }
        super().__init__(handler, **settings)
        self.bounds = bounds
        self.proxies = proxies
        self.clients: Counter[str] = Counter()
        self.handshakes = Handshakes()

    def __call__(self) -> web.RequestHandler:
        """Make the handler of a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def secured(self, tls: ssl.SSLContext) -> Handshake:
        """Make the handler of a new connection, with TLS before it."""
        return Handshake(self(), tls, self.bounds.idle, self._begin, self.handshakes.end)

    def client(self, transport: asyncio.BaseTransport) -> str:
        """The client at the other end, by the name under which it is counted."""
        peer = transport.get_extra_info("peername")
        return client_of(peer[0] if isinstance(peer, tuple) else "", None, self.proxies)

    def make_room(self, client: str) -> bool:
        """Whether one that was just counted may stay. If there are too many, the oldest handshake is ended instead."""
        one = self.clients[client] + self.handshakes.of(client) if client else 0
        if one > self.bounds.of_one_client:
            return self.handshakes.give_up(client)
        everybody = len(self.connections) + len(self.handshakes)
        return everybody <= self.bounds.connections or self.handshakes.give_up()

    def _begin(self, transport: asyncio.Transport) -> None:
        client = self.client(transport)
        self.handshakes.begin(transport, client)
        self.make_room(client)  # this handshake itself, if there is no older one


class Connection(web.RequestHandler):
    """One connection within its bounds. It ends at once where there are too many."""

    __slots__ = ("_client", "_timer", "_within")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, as asyncio calls this."""
        super().connection_made(transport)
        manager = self._manager
        if not isinstance(manager, Connections):
            raise TypeError("it is made by Connections")
        self._within = manager
        self._timer: asyncio.TimerHandle | None = None
        self._client = manager.client(transport)
        manager.handshakes.end(transport)
        manager.clients[self._client] += 1
        if not manager.make_room(self._client):
            self._abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it no more, as asyncio calls this."""
        if self._timer:
            self._timer.cancel()
        self._within.clients[self._client] -= 1
        if not self._within.clients[self._client]:
            del self._within.clients[self._client]
        super().connection_lost(exc)

    def hurry(self, seconds: float) -> None:
        """Give the request under way `seconds` from now; then the connection ends."""
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._abort)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer in our own words: aiohttp's text repeats what the client sent."""
        del request, message
        large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        response = response_of(said(large if isinstance(exc, LineTooLong) else HTTPStatus(status)))
        response.force_close()
        return response

    def _abort(self) -> None:
        if self.transport:
            self.transport.abort()


class Pieces(Payload):
    """A large body, written piece by piece as it is read: written at once, its connection would hold a second one."""

    _value: bytes

    def __init__(self, octets: bytes) -> None:
        super().__init__(octets)
        self._size = len(octets)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text, as aiohttp demands."""
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it; waits while the client does not read."""
        octets = memoryview(self._value)
        for at in range(0, len(octets), SMALL_BODY):
            await writer.write(octets[at : at + SMALL_BODY])


def response_of(answer: Answer) -> web.Response:
    """Return the answer as aiohttp sends it, with the headers that every answer has."""
    headers = {**SECURITY, "Content-Type": answer.content_type, **answer.headers}
    if answer.status is HTTPStatus.NO_CONTENT or answer.status is HTTPStatus.NOT_MODIFIED:
        del headers["Content-Type"]
    body = Pieces(answer.body) if len(answer.body) > SMALL_BODY else answer.body
    return web.Response(status=answer.status, body=body, headers=headers)
