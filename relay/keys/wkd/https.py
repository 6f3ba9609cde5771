"""The way to a domain's web server, which is taken to be hostile.

Promises: HTTPS with a valid certificate alone; connections only as `Route` permits; at most `MAX_REDIRECTS`,
only to the same host or to `openpgpkey.` of the domain; at most `MAX_BODY` octets, never decompressed;
`MAX_FETCHES` at a time in all, `MAX_PER_DOMAIN` of them and as many connections to one domain; no cookies, no
credentials, no proxy; no connection is kept when nobody waits for it.

Raises `NoSuchName`, `NotListening` and `Failed`. Time is the caller's: `lane` waits without limit, what
happens in it is for `asyncio.timeout` to end.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
from yarl import URL

from relay.errors import ConfigError, Fault
from relay.keys.wkd.guard import Guard
from relay.keys.wkd.names import Names
from relay.keys.wkd.reason import Failed, NoSuchName, NotListening, Reason
from relay.keys.wkd.route import Endpoint, Route

MAX_BODY = 1 << 20
MAX_REDIRECTS = 3
MAX_FETCHES = 64
MAX_PER_DOMAIN = 2

_PORT = 443
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EMPTY = frozenset({204, 404})
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "pgp-relay"}
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class Lane:
    """The way to one domain, while somebody uses it."""

    def __init__(self, domain: str, session: aiohttp.ClientSession) -> None:
        self.free = asyncio.Semaphore(MAX_PER_DOMAIN)
        self.users = 0
        self.session = session
        self._domain = domain

    async def get(self, host: str, path: str) -> bytes:
        """The answer's octets; none where there is no such document."""
        url = URL(f"https://{host}{path}", encoded=True)
        for hop in range(MAX_REDIRECTS + 1):
            try:
                answer = await self._get(url)
            except (NoSuchName, NotListening) as error:
                if hop:
                    raise Failed(Reason.REDIRECT) from error
                raise
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise Failed(Reason.REDIRECT)

    async def _get(self, url: URL) -> bytes | URL:
        with _translated():
            async with self.session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    return self._follow(url, response.headers.get("Location", ""))
                return await _body(response)

    def _follow(self, url: URL, location: str) -> URL:
        try:
            target = url.join(URL(location))
        except ValueError as error:
            raise Failed(Reason.REDIRECT) from error
        known = target.raw_host in {url.raw_host, f"openpgpkey.{self._domain}"}
        if not known or (target.scheme, target.port) != ("https", _PORT) or target.raw_user or target.raw_password:
            raise Failed(Reason.REDIRECT)
        return target


class Client:
    """All lanes. Raises `ConfigError` where `ca_file` cannot be used."""

    def __init__(
        self, names: Names, guard: Guard, connect_to: Mapping[Endpoint, Endpoint], ca_file: Path | None
    ) -> None:
        self._names = names
        self._guard = guard
        self._connect_to = connect_to
        self._tls = _tls(ca_file)
        self._free = asyncio.Semaphore(MAX_FETCHES)
        self._lanes: dict[str, Lane] = {}

    @asynccontextmanager
    async def lane(self, domain: str) -> AsyncIterator[Lane]:
        """Wait for a free place: first one of the domain's, so that its queue takes nobody else's."""
        lane = self._lanes.get(domain) or self._open(domain)
        lane.users += 1
        try:
            async with lane.free, self._free:
                yield lane
        finally:
            lane.users -= 1
            if not lane.users:
                del self._lanes[domain]
                await lane.session.close()

    def _open(self, domain: str) -> Lane:
        route = Route(self._names, self._guard, self._connect_to)
        connector = aiohttp.TCPConnector(
            resolver=route,
            socket_factory=route.socket,
            use_dns_cache=False,
            ssl=self._tls,
            limit=MAX_PER_DOMAIN,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_TIMEOUT,
            auto_decompress=False,
            trust_env=False,
        )
        lane = self._lanes[domain] = Lane(domain, session)
        return lane


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if response.status in _EMPTY:
        return b""
    if response.status != 200:
        raise Failed(Reason.SERVER if response.status >= 500 else Reason.STATUS)
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise Failed(Reason.ENCODING)
    if (response.content_length or 0) > MAX_BODY:
        raise Failed(Reason.SIZE)
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise Failed(Reason.SIZE)
    return bytes(body)


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError((Fault(str(ca_file), 0, "cannot be read as certificates in PEM"),)) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Aiohttp's errors as ours."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise Failed(Reason.TLS_CERTIFICATE) from error
    except aiohttp.ClientConnectorSSLError as error:
        raise Failed(Reason.TLS) from error
    except aiohttp.ClientConnectorError as error:
        raise _connecting(error.os_error) from error
    except aiohttp.ClientResponseError as error:
        raise Failed(Reason.PROTOCOL) from error
    except (aiohttp.ClientError, ssl.SSLError, ConnectionError) as error:
        raise Failed(Reason.BROKEN) from error


def _connecting(error: OSError) -> OSError:
    if isinstance(error, NoSuchName | Failed):
        return error
    if error.errno == errno.ECONNREFUSED:
        return NotListening()
    return Failed(Reason.CONNECTION)
