"""The HTTP server, by aiohttp: bounds for whatever comes from outside, and headers that every answer has.

Bounds: connections in all and of one client, octets and number of header fields, octets of a body, seconds for a
request and for reading its answer. A body has a length in front (`Content-Length`): other framings, a body of GET, two
names of the host and everything else that two programs could read differently are refused, and the connection ends.
Nothing is logged of a request, and no answer repeats anything of it. Raises `ListenError`.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from io import BytesIO
from pathlib import Path

from aiohttp import web

from relay.model.endpoint import HttpPlace
from relay.model.errors import Crowded, ListenError, StoreError
from relay.process.open_files import allow_open_files
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.telemetry.unix_listener import bound_unix, reason
from relay.web.http.clients import FORWARDED, Network, client_of
from relay.web.http.connections import SMALL_BODY, Bounds, Connection, Connections, response_of
from relay.web.http.memory import Lease, Load, Memory
from relay.web.http.messages import Answer, Handler, Refusal, Request, said

_OTHER_FILES = 256
"""Other open files: databases, the connection to the relay, connections that are about to be refused."""
_HOST = re.compile(r"([a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


Wording = Callable[[Answer, str], Answer]
"""Puts an answer into words for who reads it, by the field Accept-Language."""


class Server:
    """`listen`, and `close` at the end."""

    def __init__(
        self,
        answer: Handler,
        *,
        proxies: Sequence[Network] = (),
        bounds: Bounds | None = None,
        wording: Wording | None = None,
    ) -> None:
        self.bounds = bounds or Bounds()
        self._answer = answer
        self._wording = wording
        self._proxies = proxies
        self._memory = Memory(self.bounds.memory, self.bounds.memory_of_one)
        self._connections = Connections(self._handle, self.bounds, proxies)
        self._servers: list[asyncio.Server] = []
        self._socket: Path | None = None

    async def listen(self, place: HttpPlace, *, mode: int = 0o660, tls: ssl.SSLContext | None = None) -> None:
        """At this place; `mode` of a unix socket says who may connect."""
        loop = asyncio.get_running_loop()
        made = partial(self._connections.secured, tls) if tls else self._connections
        allow_open_files(self.bounds.connections + _OTHER_FILES)
        try:
            if place.path:
                bound = await bound_unix(Path(place.path), mode)
                self._socket = Path(place.path)
                serving = loop.create_unix_server(made, sock=bound)
            else:
                serving = loop.create_server(made, place.host, place.port)
            self._servers.append(await serving)
        except OSError as error:
            raise ListenError(f"{place} cannot be listened on: {reason(error)}") from error

    @property
    def port(self) -> int:
        """The TCP port, where it listens on one."""
        return int(self._servers[0].sockets[0].getsockname()[1])

    async def close(self, seconds: float) -> None:
        """No new connection; what is asked already is answered within so many seconds."""
        for server in self._servers:
            server.close()
        if self._socket:
            self._socket.unlink(missing_ok=True)
        self._connections.handshakes.give_up_all()
        self._connections.pre_shutdown()  # those that ask nothing end at once
        await self._connections.shutdown(seconds)

    async def _handle(self, asked: web.BaseRequest) -> web.StreamResponse:
        protocol = asked.protocol
        length = asked.content_length or 0
        _hurry(protocol, self.bounds, length)
        with self._memory.lease() as lease:
            answer = await self._answered(asked, length, lease)
            if self._wording:
                answer = self._wording(answer, asked.headers.get("Accept-Language", ""))
            response = response_of(answer)
            if not asked.content.is_eof() or answer.status in _ENDING:
                response.force_close()
            _hurry(protocol, self.bounds, len(answer.body))
            await response.prepare(asked)
            await response.write_eof()
        return response

    async def _answered(self, asked: web.BaseRequest, length: int, lease: Lease) -> Answer:
        try:
            return await self._answer(self._request(asked, length, lease))
        except Refusal as refusal:
            return refusal.answer
        except Crowded:
            return said(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="600")
        except StoreError as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))
            return said(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="30")
        except Exception as error:  # noqa: BLE001  a fault of ours is told in our log, and not to who asked
            events.log().error(Event.FAILED, **events.unforeseen(error))
            return said(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _request(self, asked: web.BaseRequest, length: int, lease: Lease) -> Request:
        host = _host(asked, length)
        path, _, query = asked.raw_path.partition("?")
        client = self._client(asked)

        async def share(name: str, octets: int, load: Load) -> bytes | None:
            if octets <= SMALL_BODY:
                return await load()
            copy = lease.join(name, octets, client)
            if copy is None:
                raise _no_room()
            return await copy.read(load)

        async def read(most: int) -> bytes:
            if length > most:
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            if length > SMALL_BODY and not lease.take(length, client, path):
                raise _no_room()
            try:
                return await _body(asked)
            except (ConnectionError, web.RequestPayloadError):  # who sent it has gone: no fault of ours
                raise Refusal(HTTPStatus.BAD_REQUEST) from None

        return Request(
            method=asked.method,
            path=path,
            query=query,
            host=host,
            client=client,
            headers=asked.headers,
            read=read,
            share=share,
        )

    def _client(self, asked: web.BaseRequest) -> str:
        """Who asks. A proxy may add a field of its own: all of them are one list (RFC 9110 section 5.3)."""
        peer = asked.transport.get_extra_info("peername") if asked.transport else None
        named = ",".join(asked.headers.getall(FORWARDED, ()))
        return client_of(peer[0] if isinstance(peer, tuple) else "", named, self._proxies)


_ENDING = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.LENGTH_REQUIRED, HTTPStatus.INTERNAL_SERVER_ERROR})
"""After these the connection ends."""


def _host(asked: web.BaseRequest, length: int) -> str:
    """Return the name of the host that is asked. Raises `Refusal` for a request that could be read in two ways."""
    framed = "Transfer-Encoding" in asked.headers or "Content-Encoding" in asked.headers
    if framed or "Upgrade" in asked.headers:
        raise Refusal(HTTPStatus.LENGTH_REQUIRED if framed else HTTPStatus.BAD_REQUEST)
    host = _HOST.fullmatch(asked.headers.get("Host", "").lower())
    if host is None or (asked.method in {"GET", "HEAD"} and length):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return host[1]


async def _body(asked: web.BaseRequest) -> bytes:
    """All of it. aiohttp's own way keeps the pieces until it has joined them."""
    body = BytesIO()
    async for piece in asked.content.iter_any():
        body.write(piece)
    return body.getvalue()


def _no_room() -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="30")


def _hurry(protocol: web.RequestHandler, bounds: Bounds, octets: int) -> None:
    if isinstance(protocol, Connection):
        protocol.hurry(bounds.seconds + octets / bounds.slowest)
