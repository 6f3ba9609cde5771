"""The way to a domain's web server, which is taken to be hostile.

Promises: HTTPS with a valid certificate alone; connections only as `GuardedResolver` permits; at most `MAX_REDIRECTS`,
only to the same host or to `openpgpkey.` of the domain; at most `MAX_BODY` octets, never decompressed;
no cookies, no credentials, no proxy; a connection that nobody uses is kept for `IDLE_SECONDS`.

How many fetches there are at a time is the caller's business (`relay.keys.fair_queue`), and so is how long each may
take (`asyncio.timeout`).

Raises `NoSuchName`, `NotListening` and `Failed`.
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

from relay.keys.wkd import authorities
from relay.keys.wkd.connector import GuardedResolver
from relay.keys.wkd.dns import NameResolver
from relay.keys.wkd.guard import Guard
from relay.keys.wkd.port import Endpoint
from relay.keys.wkd.reason import Failed, NoSuchName, NotListening, Reason

MAX_BODY = 1 << 20
MAX_REDIRECTS = 3
MAX_IDLE = 64
IDLE_SECONDS = 1.0
"""For which a connection is kept: further addresses of a domain come one after the other."""

_PORT = 443
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_EMPTY = frozenset({204, 404})
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "pgp-relay"}
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class Connection:
    """One connection at a time to one domain, kept from one fetch to the next while it is `intact`."""

    def __init__(self, domain: str, resolver: GuardedResolver, session: aiohttp.ClientSession) -> None:
        self.intact = False
        self.domain = domain
        self._resolver = resolver
        self._session = session

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
            self.intact = False
            async with self._session.get(url, allow_redirects=False) as response:
                redirects = response.status in _REDIRECTS
                answer = self._follow(url, response.headers.get("Location", "")) if redirects else await _body(response)
                self.intact = _may_be_kept(response)
                return answer

    async def close(self) -> None:
        """At once: TLS would wait for the other side's farewell, which may never come."""
        self._resolver.cut()
        await self._session.close()

    def _follow(self, url: URL, location: str) -> URL:
        try:
            target = url.join(URL(location))
        except ValueError as error:
            raise Failed(Reason.REDIRECT) from error
        known = target.raw_host in {url.raw_host, f"openpgpkey.{self.domain}"}
        if not known or (target.scheme, target.port) != ("https", _PORT) or target.raw_user or target.raw_password:
            raise Failed(Reason.REDIRECT)
        return target


class Client:
    """All connections. Raises `ConfigError` where `ca_file` cannot be used."""

    def __init__(
        self, names: NameResolver, guard: Guard, connect_to: Mapping[Endpoint, Endpoint], ca_file: Path | None
    ) -> None:
        self._names = names
        self._guard = guard
        self._connect_to = connect_to
        self._tls = authorities.context(ca_file)
        self._idle: dict[Connection, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def connection(self, domain: str) -> AsyncIterator[Connection]:
        """A connection to this domain, kept from an earlier fetch or new."""
        connection = self._kept(domain) or self._open(domain)
        try:
            yield connection
        finally:
            if connection.intact and len(self._idle) < MAX_IDLE:
                self._idle[connection] = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._drop, connection)
            else:
                await connection.close()

    async def close(self) -> None:
        """End the connections that are kept."""
        for connection in list(self._idle):
            self._drop(connection)
        await asyncio.gather(*self._closing)

    def _kept(self, domain: str) -> Connection | None:
        connection = next((connection for connection in self._idle if connection.domain == domain), None)
        if connection:
            self._idle.pop(connection).cancel()
        return connection

    def _drop(self, connection: Connection) -> None:
        self._idle.pop(connection).cancel()
        task = asyncio.ensure_future(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _open(self, domain: str) -> Connection:
        resolver = GuardedResolver(self._names, self._guard, self._connect_to)
        connector = aiohttp.TCPConnector(
            resolver=resolver,
            socket_factory=resolver.socket,
            use_dns_cache=False,
            ssl=self._tls,
            limit=1,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_NO_TIMEOUT,
            auto_decompress=False,
            trust_env=False,
        )
        return Connection(domain, resolver, session)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if response.status in _EMPTY:
        return b""
    if response.status == 400:
        raise Failed(Reason.MALFORMED)
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


def _may_be_kept(response: aiohttp.ClientResponse) -> bool:
    closes = "close" in response.headers.get("Connection", "").lower() or response.version != aiohttp.HttpVersion11
    return response.content.is_eof() and not closes


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
