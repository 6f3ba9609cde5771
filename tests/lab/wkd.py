"""A Web Key Directory to ask: a TLS server on 127.0.0.1 that is any host, honest or evil, and its test CA.

`async with WkdServer(root) as server` serves the tree below `root` as `gpg-wks-client --install-key` writes it
(DOMAIN/hu/HASH), for the advanced and the direct method. `server.behaviours[host]` does something else for a
host. Which certificate a host shows is chosen by the name the client asks for (SNI).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from zlib import crc32

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.unsigned_packets import certificate
from relay.keys.fair_queue import FairQueue, Ticket
from relay.keys.wkd import FETCHES, FETCHES_OF_A_DOMAIN
from relay.keys.wkd import dns as names
from relay.keys.wkd.fetcher import Fetcher
from relay.keys.wkd.port import Settings
from relay.keys.wkd.source import Wkd
from relay.model import Address, Lookup
from relay.pipeline.ports import Examiner

Key = ec.EllipticCurvePrivateKey


class Queued:
    """A source as `relay.keys.cache` asks it: with so many fetches at a time, in all and of a domain."""

    def __init__(self, source: Wkd) -> None:
        self.source = source
        self._queue = FairQueue(FETCHES, FETCHES_OF_A_DOMAIN)

    async def lookup(self, address: Address) -> Lookup:
        ticket = Ticket(address.domain)
        self._queue.join(ticket, ticket)
        async with self._queue.place(ticket):
            return await self.source.lookup(address)

    async def close(self) -> None:
        await self.source.close()


def asking(examiner: Examiner, *, resolve: names.Resolve = names.resolve, **settings: Any) -> Queued:  # noqa: ANN401  those of `Settings.of`
    """The source, asking from this process, queued as in the relay."""
    return Queued(Wkd(examiner, Fetcher(Settings.of(**settings), resolve)))


async def honest(exchange: Exchange) -> None:
    """Has a certificate of its own (of `lab.unsigned_packets`) for every address."""
    local = exchange.request.target.rpartition("?l=")[2]
    address = f"{local}@{exchange.request.host.removeprefix('openpgpkey.')}"
    await exchange.answer(certificate(address, number=crc32(address.encode())))


def nowhere(_: str, __: socket.AddressFamily) -> list[str]:
    """A name service that knows no name: `names.Resolve`."""
    raise socket.gaierror(socket.EAI_NONAME, "no such name")


@dataclass(frozen=True)
class Request:
    host: str
    target: str
    headers: dict[str, str]


@dataclass
class Exchange:
    """One request and the means to answer it badly."""

    request: Request
    writer: asyncio.StreamWriter

    async def raw(self, octets: bytes) -> None:
        if self.writer.transport.is_closing():  # drain() of a lost TLS connection never says so
            raise ConnectionResetError
        self.writer.write(octets)
        await self.writer.drain()
        await asyncio.sleep(0)

    async def answer(self, body: bytes, status: str = "200 OK", **headers: str) -> None:
        fields = {"Content-Length": str(len(body))} | {k.replace("_", "-"): v for k, v in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.raw(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)

    async def redirect(self, location: str) -> None:
        await self.answer(b"", "302 Found", Location=location)

    def reset(self) -> None:
        self.writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]


class Authority:
    """A test CA, and certificates that are right or wrong in one way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test's authority")])
        self._certificate = self._issue(self._name, self._key, [], ca=True)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, *hosts: str, expired: bool = False, self_signed: bool = False) -> ssl.SSLContext:
        """A server's TLS for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
        certificate = self._issue(name, key, hosts, expired=expired, signer=key if self_signed else self._key)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + certificate.public_bytes(serialization.Encoding.PEM)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _issue(  # noqa: PLR0913 - what may be right or wrong in a certificate
        self,
        subject: x509.Name,
        key: Key,
        hosts: Iterable[str],
        *,
        ca: bool = False,
        expired: bool = False,
        signer: Key | None = None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        end = now + dt.timedelta(days=-1 if expired else 2)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signer is key else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=9))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names := [x509.DNSName(host) for host in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer or self._key, hashes.SHA256())


class _Connection(asyncio.StreamReaderProtocol):
    """Notices that the client is gone while a behaviour still answers."""

    def __init__(self, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._answering: asyncio.Task[None] | None = None
        super().__init__(asyncio.StreamReader(), self._start)
        self._serve = serve

    def _start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._answering = asyncio.ensure_future(self._serve(reader, writer))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._answering:
            self._answering.cancel()


@dataclass
class WkdServer:
    """See the module; `connect_to(hosts)` is what the source is given to reach it."""

    root: Path
    address: str = "127.0.0.1"
    port: int = 0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    tls: dict[str, ssl.SSLContext] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    named: set[str] = field(default_factory=set)
    """The hosts that TLS was begun with."""
    open: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    most_in_all: int = 0

    async def __aenter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="pr", dir="/tmp")
        self.authority = Authority(Path(self._folder.name))
        front = self.authority.context("unknown.invalid")
        front.sni_callback = self._choose
        self._tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._serve), self.address, self.port, ssl=front)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._folder.cleanup()

    @property
    def ca_file(self) -> Path:
        return self.authority.ca_file

    def connect_to(self, *hosts: str) -> dict[str, str]:
        return {f"{host}:443": f"127.0.0.1:{self.port}" for host in hosts}

    def _choose(self, connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        if host:
            self.named.add(host)
            if host not in self.tls:
                self.tls[host] = self.authority.context(host)
            connection.context = self.tls[host]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        host = ""
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while True:
                    request = _parsed(await reader.readuntil(b"\r\n\r\n"))
                    if not host:
                        host = request.host
                        self._count(host)
                    self.requests.append(request)
                    await self.behaviours.get(host, self.serve_tree)(Exchange(request, writer))
        finally:
            if host:
                self.open[host] -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    def _count(self, host: str) -> None:
        self.open[host] += 1
        self.most[host] = max(self.most[host], self.open[host])
        self.most_in_all = max(self.most_in_all, self.open.total())

    async def serve_tree(self, exchange: Exchange) -> None:
        host, path = exchange.request.host, urlsplit(exchange.request.target).path
        advanced = f"/.well-known/openpgpkey/{host.removeprefix('openpgpkey.')}/"
        if host.startswith("openpgpkey.") and path.startswith(advanced):
            file = self.root / host.removeprefix("openpgpkey.") / path.removeprefix(advanced)
        else:
            file = self.root / host / path.removeprefix("/.well-known/openpgpkey/")
        if file.is_file():
            await exchange.answer(file.read_bytes(), Content_Type="application/octet-stream")
        else:
            await exchange.answer(b"no such file", "404 Not Found")


def _parsed(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    return Request(headers.get("host", ""), first.split(" ")[1], headers)
