"""The relay's end: hands objects over, lists them, and pulls events. Raises `ChannelError`.

The answers come from a machine that strangers reach: they are bounded and parsed here, and checked by the callers.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import aiohttp

from relay.channel import protocol
from relay.channel.body import read_body
from relay.model.endpoint import HTTP_IDLE, HostPort, HttpPlace
from relay.model.errors import ChannelError
from relay.model.public import LARGEST_EVENT, ObjectFacts, ObjectKind, PublicEvent, PublicObject

T = TypeVar("T")

SECONDS = 30.0
"""For one request; and so much more for each `SLOWEST` octets."""
SLOWEST = 1 << 16
CONNECTIONS = 8
MOST_PAGES = 1000
"""The most pages of a list, however many more the other end announces."""
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "pgp-relay", "Content-Type": "application/octet-stream"}
_MISSING = HTTPStatus.NOT_FOUND


class Channel:
    """Made in the event loop that uses it; `close` at the end."""

    def __init__(self, place: HttpPlace, tls: ssl.SSLContext | None = None) -> None:
        self._place = place
        self._base = "http://localhost" if place.path else f"https://{HostPort(place.host, place.port)}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(place.path, limit=CONNECTIONS, keepalive_timeout=HTTP_IDLE)
            if place.path
            else aiohttp.TCPConnector(ssl=tls or True, limit=CONNECTIONS, keepalive_timeout=HTTP_IDLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=["Accept"],
        )

    async def put(self, one: PublicObject) -> None:
        """Hand an object over, in place of an earlier one."""
        path = protocol.object_path(one.kind, one.id)
        await self._ask("PUT", path, octets=one.octets, fields=protocol.object_fields(one))

    async def activate(self, kind: ObjectKind, name: str) -> bool:
        """Show an object to visitors from now on; False where it is not there."""
        return await self._there("POST", protocol.object_path(kind, name), {protocol.ACTIVE: "1"})

    async def expire(self, kind: ObjectKind, name: str, expires: int | None) -> bool:
        """Set when an object ends, in seconds since the epoch; False where it is not there."""
        return await self._there("POST", protocol.object_path(kind, name), protocol.expires_field(expires))

    async def remove(self, kind: ObjectKind, name: str) -> bool:
        """Remove an object; False where it was not there."""
        return await self._there("DELETE", protocol.object_path(kind, name))

    async def count(self, kind: ObjectKind) -> int:
        """How many of a kind there are; inactive and expired ones too."""
        return _parsed(protocol.read_count, await self._get(protocol.count_path(kind), 20))

    async def objects(self, kind: ObjectKind) -> AsyncIterator[ObjectFacts]:
        """All of a kind, sorted by id; inactive and expired ones too."""
        after = ""
        for _ in range(MOST_PAGES):
            octets = await self._get(f"{protocol.object_path(kind)}?after={after}", protocol.LARGEST_PAGE)
            page = _parsed(protocol.read_objects, octets)
            for facts in page:
                yield facts
            if len(page) < protocol.PAGE:
                return
            after = page[-1].id

    async def events(self, after: int = 0) -> list[PublicEvent]:
        """A page of those with a higher number, oldest first."""
        octets = await self._get(f"/events?after={after}", protocol.LARGEST_PAGE)
        return _parsed(protocol.read_events, octets)

    async def octets(self, event: PublicEvent) -> bytes | None:
        """The octets of an event; None where it is gone."""
        return await self._get(f"/events/{event.number}", min(event.size, LARGEST_EVENT))

    async def done(self, event: PublicEvent) -> None:
        """Confirm that an event was handled: it is not sent again."""
        await self._there("DELETE", f"/events/{event.number}")

    async def close(self) -> None:
        """Close its connections to the public web service."""
        await self._session.close()

    async def _there(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> bool:
        status, _ = await self._ask(method, path, fields=fields)
        return status != _MISSING

    async def _get(self, path: str, most: int) -> bytes | None:
        status, octets = await self._ask("GET", path, most=most)
        return None if status == _MISSING else octets

    async def _ask(
        self, method: str, path: str, *, octets: bytes = b"", fields: Mapping[str, str] | None = None, most: int = 1024
    ) -> tuple[int, bytes]:
        async with _translated(self._place), asyncio.timeout(SECONDS + (len(octets) + most) / SLOWEST):
            asked = self._session.request(
                method, f"{self._base}{path}", data=octets or None, headers=fields, allow_redirects=False
            )
            async with asked as response:
                body = await read_body(response, most)
                if body is None:
                    raise ChannelError("web.channel: an answer is longer than it may be")
                if response.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT, _MISSING}:
                    raise ChannelError(f"web.channel: {self._place} answers {response.status}")
                return response.status, body


def _parsed(read: Callable[[bytes], T], octets: bytes | None) -> T:
    try:
        return read(octets or b"")
    except ValueError:
        raise ChannelError("web.channel: what answers is no public service of this version") from None


@asynccontextmanager
async def _translated(place: HttpPlace) -> AsyncIterator[None]:
    try:
        yield
    except TimeoutError:
        raise ChannelError(f"web.channel: {place} does not answer in time") from None
    except aiohttp.ClientConnectorCertificateError:
        raise ChannelError(f"web.channel: the certificate of {place} is not one of the authority's") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise ChannelError(f"web.channel: {place} cannot be reached: start pgp-relay web public there") from None
