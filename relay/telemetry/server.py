"""A small HTTP server for metrics and health, by aiohttp: GET and HEAD, one request a connection (RFC 9110, RFC 9112).

Promises bounds for what comes from outside: so many connections at once, so many octets of a request, so many seconds
for all of it; any other path is 404, and anything that is not a request is 400. A request's body is never read, and no
answer repeats anything of a request. It listens on a TCP port or on a unix socket that its owner alone may use. Raises
`ListenError`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from relay.model.endpoint import HostPort
from relay.model.errors import ListenError
from relay.telemetry import status_socket
from relay.telemetry.unix_listener import bound_unix, reason

MOST_CONNECTIONS = 16
MOST_OCTETS = 8192
SECONDS = 5.0
FOR_OWNER = 0o600
PLAIN = "text/plain; charset=utf-8"

_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True  # aiohttp would write what was asked into our log
_SETTINGS: dict[str, Any] = {
    "logger": _SILENT,
    "access_log": None,
    "lingering_time": 0,
    "max_headers": MOST_OCTETS,  # their octets are bounded
}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "pgp-relay"}
_TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
_TOO_LARGE_SAID = f"HTTP/1.1 {_TOO_LARGE.value} {_TOO_LARGE.phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: its status, body and type."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN


Pages = Callable[[str], Answer | None]
"""The answer for a path; None: there is no such page."""


class Server:
    """`listen`, and `close` at the end."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._connections = _Connections(self._answer, **_SETTINGS)
        self._server: asyncio.Server | None = None
        self._socket: Path | None = None

    async def listen(self, place: HostPort) -> None:
        """On a TCP port."""
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._connections, place.host, place.port)
        except OSError as error:
            raise ListenError(f"metrics: {place} cannot be listened on: {reason(error)}") from error

    async def listen_in(self, folder: Path) -> None:
        """Listen on the status socket in that folder; a socket file without a listener is replaced."""
        path = folder / status_socket.NAME
        try:
            with status_socket.reachable(folder) as reachable:
                bound = await bound_unix(reachable, FOR_OWNER)
            self._server = await asyncio.get_running_loop().create_unix_server(self._connections, sock=bound)
            self._socket = path
        except OSError as error:
            raise ListenError(f"{path} cannot be listened on: {reason(error)}") from error

    def close(self) -> None:
        """Stop listening, remove its socket file, and abort connections."""
        if self._server:
            self._server.close()
        if self._socket:
            self._socket.unlink(missing_ok=True)
        self._connections.abort()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, Allow="GET, HEAD")
        answer = self._pages(request.raw_path.partition("?")[0])
        return _response(answer) if answer else _said(HTTPStatus.NOT_FOUND)


class _Connections(web.Server):
    """Makes a handler for each connection."""

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def abort(self) -> None:
        """End all of them."""
        for connection in self.connections:
            if connection.transport:
                connection.transport.abort()


class _Connection(web.RequestHandler):
    """One connection within its bounds."""

    __slots__ = ("_received", "_timer")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._received = 0
        self._timer = self._loop.call_later(SECONDS, self._abort)
        if self._manager and len(self._manager.connections) > MOST_CONNECTIONS:
            self._abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        room = MOST_OCTETS - self._received
        self._received += len(data)
        if room > 0:
            super().data_received(data[:room])
        if self._received > MOST_OCTETS and not self._request_count and self.transport:
            self.transport.write(_TOO_LARGE_SAID.encode())
            self.force_close()

    def eof_received(self) -> bool:  # type: ignore[override]  # None in aiohttp, bool in asyncio
        """Whether to go on: a client that says no more may still wait for its answer."""
        return bool(self._request_count)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """In our words: aiohttp's own repeat what was asked."""
        del request, message
        return _said(_TOO_LARGE if isinstance(exc, LineTooLong) else HTTPStatus(status))

    def _abort(self) -> None:
        if self.transport:
            self.transport.abort()


def _said(status: HTTPStatus, **headers: str) -> web.Response:
    return _response(Answer(status, f"{status.phrase}\n".encode()), **headers)


def _response(answer: Answer, **headers: str) -> web.Response:
    response = web.Response(
        status=answer.status, body=answer.body, headers={**_HEADERS, "Content-Type": answer.content_type, **headers}
    )
    response.force_close()
    return response
