"""What a hostile domain can do to the WKD source: nothing but an outage, soon, and never a clear mail."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Self

import pytest
from lab.baddomains import answering, body_without_end, byte_by_byte, headers_without_end, never
from lab.ports import closed_port
from lab.unsigned_packets import TrustingExaminer, certificate, user_id
from lab.wkd import Behaviour, Exchange, Queued, WkdServer, asking, nowhere

from relay.keys.wkd import Reason, connector
from relay.keys.wkd.connector import GuardedResolver
from relay.keys.wkd.dns import NameResolver, Resolve
from relay.keys.wkd.guard import Guard, IPNetwork
from relay.keys.wkd.reason import Failed
from relay.model import Address, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import ConfigError

pytestmark = pytest.mark.waits

BOB = Address("bob@example.org")
HOST = "openpgpkey.example.org"
NOBODY = NotFound("wkd", "wkd/advanced")
TIMEOUT = 0.5
"""Seconds, where it is to run out."""
SOON = 20.0
"""Seconds that this takes at most on a busy machine."""
PATIENT = 30.0
"""A timeout that does not run out: what comes is the server's doing."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[WkdServer]:
    async with WkdServer(tmp_path) as server:
        yield server


@contextlib.asynccontextmanager
async def source(
    server: WkdServer,
    *hosts: str,
    resolve: Resolve = nowhere,
    timeout: float = PATIENT,  # noqa: ASYNC109 - the source's setting
    connect_to: dict[str, str] | None = None,
    allow_networks: Sequence[IPNetwork] = (),
) -> AsyncIterator[Queued]:
    wkd = asking(
        TrustingExaminer(),
        timeout=timeout,
        ca_file=server.ca_file,
        connect_to=server.connect_to(*(hosts or (HOST,))) if connect_to is None else connect_to,
        allow_networks=allow_networks,
        resolve=resolve,
    )
    try:
        yield wkd
    finally:
        await wkd.close()


async def outcome(server: WkdServer, behaviour: Behaviour, *, soon: float = SOON, **settings: float) -> Lookup:
    server.behaviours[HOST] = behaviour
    async with source(server, **settings) as wkd:  # type: ignore[arg-type]  # its figures
        started = time.monotonic()
        found = await wkd.lookup(BOB)
        assert time.monotonic() - started < soon
        return found


def sending(octets: bytes, *, close: bool = True) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.raw(octets)
        if close:
            exchange.writer.close()

    return behave


def outage(reason: Reason, method: str = "wkd/advanced") -> Outage:
    return Outage("wkd", reason, method)


# Time


async def header_byte_by_byte(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        await exchange.raw(b"x")
        await asyncio.sleep(0.05)


async def slow_redirects(exchange: Exchange) -> None:
    await asyncio.sleep(0.2)
    await exchange.redirect("/again")


async def interim_answers_without_end(exchange: Exchange) -> None:
    while True:
        await exchange.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "behaviour", [never, byte_by_byte, header_byte_by_byte, slow_redirects, interim_answers_without_end]
)
async def test_a_slow_server_costs_the_timeout_and_no_more(server: WkdServer, behaviour: Behaviour) -> None:
    assert await outcome(server, behaviour, timeout=TIMEOUT) == outage(Reason.TIMEOUT)


async def test_a_server_that_takes_connections_and_never_greets(server: WkdServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        async with source(server, connect_to={f"{HOST}:443": f"127.0.0.1:{port}"}, timeout=TIMEOUT) as wkd:
            assert await wkd.lookup(BOB) == outage(Reason.TIMEOUT)


@dataclass
class Stubborn:
    """A server that answers once a connection and never says farewell, in threads of its own."""

    tls: ssl.SSLContext
    answer: bytes
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    serving: list[socket.socket] = field(default_factory=list)
    most: int = 0
    """At once not closed by the client, as the kernel knows it: a thread may notice later."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def closed(self) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: not self.serving, 20)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],)).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), self.tls.wrap_socket(raw, server_side=True) as connection:
            connection.recv(4000)
            with self.changed:
                self.serving.append(connection)
                self.most = max(self.most, sum(map(_is_open, self.serving)))
            try:
                connection.sendall(self.answer)
                _read_to_the_end(connection)
            finally:
                with self.changed:
                    self.serving.remove(connection)
                    self.changed.notify_all()


def _read_to_the_end(connection: socket.socket) -> None:
    """The client's farewell is read as octets, and not answered."""
    octets = socket.socket(fileno=connection.fileno())
    octets.settimeout(20)
    with contextlib.suppress(OSError):
        while octets.recv(1000):
            pass
    octets.detach()


def _is_open(connection: socket.socket) -> bool:
    established = 1  # tcpi_state, the first octet of tcp(7)'s TCP_INFO
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == established


@pytest.mark.parametrize(
    ("answer", "timeout", "expected"),
    [
        (b"", 0.2, outage(Reason.TIMEOUT)),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 9999\r\n\r\n", PATIENT, NOBODY),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", PATIENT, NOBODY),
        (b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", PATIENT, NOBODY),
    ],
)
async def test_a_server_that_ignores_our_farewell_keeps_no_connection(
    server: WkdServer,
    answer: bytes,
    timeout: float,  # noqa: ASYNC109 - the source's setting
    expected: Lookup,
) -> None:
    """Closing TLS properly waits 30 s for the other side."""
    with Stubborn(server.authority.context(HOST), answer) as stubborn:
        async with source(server, connect_to={f"{HOST}:443": stubborn.target}, timeout=timeout) as wkd:
            found = await asyncio.gather(*(wkd.lookup(Address(f"u{n}@example.org")) for n in range(16)))
        assert await asyncio.to_thread(stubborn.closed)
    assert set(found) == {expected}
    assert stubborn.most <= 2


async def test_a_name_service_that_never_answers(server: WkdServer) -> None:
    go = threading.Event()

    def slow(_: str, __: socket.AddressFamily) -> list[str]:
        go.wait(60)
        return ["127.0.0.1"]

    async with source(server, connect_to={}, resolve=slow, timeout=TIMEOUT) as wkd:
        started = time.monotonic()
        assert await wkd.lookup(BOB) == outage(Reason.TIMEOUT)
        assert time.monotonic() - started < SOON
    go.set()


# Size


async def chunks_without_end(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.raw(b"10000\r\n" + bytes(1 << 16) + b"\r\n")


async def one_header_without_end(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nX-Header: ")
    while True:
        await exchange.raw(b"x" * (1 << 16))


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (body_without_end, Reason.SIZE),
        (chunks_without_end, Reason.SIZE),
        (headers_without_end, Reason.PROTOCOL),
        (one_header_without_end, Reason.PROTOCOL),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", close=False), Reason.SIZE),
        (answering(gzip.compress(bytes(1 << 24)), Content_Encoding="gzip"), Reason.ENCODING),
        (answering(b"x", Content_Encoding="br"), Reason.ENCODING),
        (answering(certificate("bob@example.org") + b"\xca\x00" * 500_000), Reason.TOO_MANY),
    ],
)
async def test_size_is_bounded_in_memory_and_on_the_wire(
    server: WkdServer, behaviour: Behaviour, reason: Reason
) -> None:
    tracemalloc.start()
    try:
        assert await outcome(server, behaviour, soon=60, timeout=60) == outage(reason)  # tracing takes its time
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def with_its_length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def in_chunks(body: bytes) -> bytes:
    chunks = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])
    return b"Transfer-Encoding: chunked\r\n\r\n" + framed


def to_the_end_of_the_connection(body: bytes) -> bytes:
    return b"Connection: close\r\n\r\n" + body


@pytest.mark.parametrize("framed", [with_its_length, in_chunks, to_the_end_of_the_connection])
async def test_a_body_of_one_mib_is_read_and_one_octet_more_is_not(
    server: WkdServer, framed: Callable[[bytes], bytes]
) -> None:
    key = certificate("bob@example.org")
    for size in (1 << 20, (1 << 20) + 1):
        body = key + user_id("x" * (size - len(key) - len(user_id(""))))
        assert len(body) == size
        found = await outcome(server, sending(b"HTTP/1.1 200 OK\r\n" + framed(body)))
        if size == 1 << 20:
            assert isinstance(found, Found)
            assert found.certificate.data == key
        else:
            assert found == outage(Reason.SIZE)


# Redirects

ELSEWHERE = [
    "http://openpgpkey.example.org/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest",
    "https://2130706433/", "file:///etc/passwd", "//other.example/", "https://example.org/", "https://other.example/",
    "https://openpgpkey.example.org:8443/", "https://openpgpkey.example.org:22/", "https://openpgpkey.example.org.other.example/",
    "https://user:secret@openpgpkey.example.org/", "https://openpgpkey.example.org@other.example/",
    "https://openpgpkey.other.example/", "https://openpgpkey.example.org\\@other.example/", "https://[",
    "https://openpgpkey.example.org:99999/", "gopher://openpgpkey.example.org/", "javascript:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize("location", ELSEWHERE)
async def test_redirects_elsewhere_are_not_followed(server: WkdServer, location: str) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.redirect(location)

    assert await outcome(server, behave) == outage(Reason.REDIRECT)
    assert server.connections == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("suffix", ["", "x"])
async def test_redirects_without_end_are_three(server: WkdServer, suffix: str) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.redirect(f"{exchange.request.target}{suffix}")

    assert await outcome(server, behave) == outage(Reason.REDIRECT)
    assert len(server.requests) == 4


@pytest.mark.parametrize("times", [3, 4])
async def test_three_redirects_are_followed_and_a_fourth_is_not(server: WkdServer, times: int) -> None:
    async def behave(exchange: Exchange) -> None:
        if len(server.requests) <= times:
            await exchange.redirect(f"/{len(server.requests)}")
        else:
            await exchange.answer(certificate("bob@example.org"))

    found = await outcome(server, behave)
    assert isinstance(found, Found) if times == 3 else found == outage(Reason.REDIRECT)
    assert [request.target for request in server.requests[1:]] == ["/1", "/2", "/3"]


@pytest.mark.parametrize(
    "location", ["/moved", "moved", "https://openpgpkey.example.org/moved", "https://OpenPGPkey.example.org:443/m"]
)
async def test_redirects_on_the_same_host_are_followed_without_cookies(server: WkdServer, location: str) -> None:
    async def behave(exchange: Exchange) -> None:
        if "?l=bob" in exchange.request.target:
            await exchange.answer(b"", "301 Moved", Location=location, Set_Cookie="a=b; Path=/")
        else:
            await exchange.answer(certificate("bob@example.org"), Set_Cookie="a=b; Path=/")

    assert isinstance(await outcome(server, behave), Found)
    assert not any("cookie" in request.headers or "authorization" in request.headers for request in server.requests)


async def test_the_direct_method_may_redirect_to_openpgpkey_of_the_domain(server: WkdServer) -> None:
    asked: list[str] = []

    def late(host: str, family: socket.AddressFamily) -> Sequence[str]:
        asked.append(host)
        if family == socket.AF_INET6 or asked.count(host) <= 2:
            return []
        return ["127.0.0.1"]

    async def behave(exchange: Exchange) -> None:
        await exchange.redirect(f"https://{HOST}/x")

    server.behaviours["example.org"] = behave
    server.behaviours[HOST] = answering(certificate("bob@example.org"))
    targets = {f"{HOST}:443": f"late.example:{server.port}", "example.org:443": f"127.0.0.1:{server.port}"}
    async with source(server, connect_to=targets, resolve=late) as wkd:
        found = await wkd.lookup(BOB)
    assert isinstance(found, Found)
    assert found.method == "wkd/direct"


@pytest.mark.parametrize("resolves", [False, True])
async def test_a_redirect_to_a_name_that_leads_nowhere_is_an_outage(server: WkdServer, *, resolves: bool) -> None:
    def resolve(host: str, family: socket.AddressFamily) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"] if resolves and family == socket.AF_INET and asked.count(HOST) > 2 else []

    async def behave(exchange: Exchange) -> None:
        await exchange.redirect(f"https://{HOST}/x")

    asked: list[str] = []
    server.behaviours["example.org"] = behave
    async with source(server, "example.org", resolve=resolve) as wkd:
        assert await wkd.lookup(BOB) == outage(Reason.ADDRESS if resolves else Reason.REDIRECT, "wkd/direct")


# Addresses


async def test_a_name_that_leads_inside_is_refused(server: WkdServer) -> None:
    def inside(_: str, family: socket.AddressFamily) -> list[str]:
        return (
            ["::ffff:127.0.0.1", "fe80::1"]
            if family == socket.AF_INET6
            else ["127.0.0.1", "10.0.0.1", "169.254.169.254"]
        )

    async with source(server, connect_to={}, resolve=inside) as wkd:
        assert await wkd.lookup(BOB) == outage(Reason.ADDRESS)


async def test_a_second_answer_of_the_name_service_is_judged_again() -> None:
    answers = iter([[], ["93.184.216.34"], [], ["127.0.0.1"]])
    names = NameResolver(lambda _, __: next(answers))
    way = GuardedResolver(names, Guard(), {})
    assert [result["host"] for result in await way.resolve("example.org", 443)] == ["93.184.216.34"]
    with pytest.raises(Failed) as caught:
        await way.resolve("example.org", 443)
    assert caught.value.reason is Reason.ADDRESS
    names.close()


@pytest.mark.parametrize(("inside", "met"), [("127.0.0.1", False), ("::1", False), ("127.0.0.1", True), ("::1", True)])
async def test_a_connection_that_goes_elsewhere_than_the_name_service_said_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str, *, met: bool
) -> None:
    """The answer is public and passes; what is handed on to be connected to is not. Where it is allowed, it is met."""

    def public(_: str, family: socket.AddressFamily) -> list[str]:
        return ["93.184.216.34"] if family == socket.AF_INET else []

    async with WkdServer(tmp_path, inside) as server:
        result = connector._result  # between the two looks of the guard
        monkeypatch.setattr(connector, "_result", lambda host, _, __: result(host, inside, server.port))
        server.behaviours[HOST] = answering(certificate("bob@example.org"))
        allowed = [ip_network(inside)] if met else []
        async with source(server, connect_to={}, resolve=public, allow_networks=allowed) as wkd:
            found = await wkd.lookup(BOB)
        assert isinstance(found, Found) if met else found == outage(Reason.ADDRESS)
        assert (server.connections, len(server.requests)) == ((1, 1) if met else (0, 0))


async def test_private_addresses_among_public_ones_are_left_out() -> None:
    names = NameResolver(lambda _, family: ["10.0.0.1", "93.184.216.34"] if family == socket.AF_INET else ["::1"])
    results = await GuardedResolver(names, Guard(), {}).resolve("example.org", 443)
    assert [(result["host"], result["port"]) for result in results] == [("93.184.216.34", 443)]
    names.close()


async def test_a_family_without_a_route_is_left_out_so_that_its_error_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = NameResolver(lambda _, family: ["1.1.1.1"] if family == socket.AF_INET else ["2606:4700::1111"])
    for routed, expected in [({"1.1.1.1"}, ["1.1.1.1"]), (set(), ["2606:4700::1111", "1.1.1.1"])]:
        monkeypatch.setattr(connector, "_has_route", routed.__contains__)
        results = await GuardedResolver(names, Guard(), {}).resolve("example.org", 443)
        assert [result["host"] for result in results] == expected
    names.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"])  # noqa: S104 - refused
def test_the_address_of_the_socket_itself_is_judged(address: str) -> None:
    way = GuardedResolver(NameResolver(nowhere), Guard(), {})
    with pytest.raises(Failed):
        way.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)))


async def test_what_connect_to_names_is_exempt_for_that_host_and_port_alone() -> None:
    names = NameResolver(lambda _, family: ["10.0.0.1"] if family == socket.AF_INET else [])
    connect_to = {("example.org", 443): ("127.0.0.1", 8443)}
    way = GuardedResolver(names, Guard(), connect_to)
    assert [(r["host"], r["port"]) for r in await way.resolve("example.org", 443)] == [("127.0.0.1", 8443)]
    way.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 8443))).close()
    for forbidden in (("127.0.0.1", 22), ("127.0.0.2", 8443)):
        with pytest.raises(Failed):
            way.socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", forbidden))
    with pytest.raises(Failed):
        await way.resolve("other.example", 443)
    names.close()


# TLS


@pytest.mark.parametrize(
    "context",
    [
        lambda authority: authority.context("another.example"),
        lambda authority: authority.context(HOST, expired=True),
        lambda authority: authority.context(HOST, self_signed=True),
        lambda authority: authority.context("*.org"),
        lambda authority: authority.context(),
    ],
    ids=["another name", "expired", "self-signed", "a wildcard too wide", "no name"],
)
async def test_a_tls_certificate_that_is_not_valid(server: WkdServer, context: Callable[..., object]) -> None:
    server.tls[HOST] = context(server.authority)  # type: ignore[assignment]  # each lambda gives an SSLContext
    assert await outcome(server, answering(certificate("bob@example.org"))) == outage(Reason.TLS_CERTIFICATE)
    assert server.requests == []


async def test_without_the_ca_file_the_test_authority_is_not_trusted(server: WkdServer) -> None:
    wkd = asking(TrustingExaminer(), connect_to=server.connect_to(HOST))
    assert await wkd.lookup(BOB) == outage(Reason.TLS_CERTIFICATE)
    await wkd.close()


@pytest.mark.parametrize(
    ("octets", "reason"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.TLS), (b"", Reason.CONNECTION)]
)
async def test_a_port_without_tls(server: WkdServer, octets: bytes, reason: Reason) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(octets)
        writer.close()

    listener = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        async with source(server, connect_to={f"{HOST}:443": f"127.0.0.1:{port}"}) as wkd:
            assert await wkd.lookup(BOB) == outage(reason)


def test_a_ca_file_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    for file in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigError):
            asking(TrustingExaminer(), ca_file=tmp_path / file)


@pytest.mark.parametrize("entry", ["127.0.0.1", ":443", "host:", "host:x", "host:0", "host:70000", "[::1:443", ""])
def test_a_connect_to_that_cannot_be_read_is_told_at_once(entry: str) -> None:
    with pytest.raises(ConfigError):
        asking(TrustingExaminer(), connect_to={"example.org:443": entry})


# Answers


async def resets(exchange: Exchange) -> None:
    exchange.reset()


async def resets_in_the_body(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
    exchange.reset()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answering(b"<!DOCTYPE html><title>For sale</title>", Content_Type="text/html"), Reason.NO_CERTIFICATE),
        (answering(certificate("bob@example.org")[:-9]), Reason.NO_CERTIFICATE),
        (answering(b"", "500 Internal Server Error"), Reason.SERVER),
        (answering(b"", "503 Service Unavailable"), Reason.SERVER),
        (answering(b"", "403 Forbidden"), Reason.STATUS),
        (answering(b"", "401 Unauthorized", WWW_Authenticate="Basic realm=x"), Reason.STATUS),
        (answering(b"", "410 Gone"), Reason.STATUS),
        (answering(b"", "429 Too Many Requests"), Reason.STATUS),
        (answering(b"", "304 Not Modified"), Reason.STATUS),
        (answering(certificate("bob@example.org"), "206 Partial Content"), Reason.STATUS),
        (resets, Reason.BROKEN),
        (resets_in_the_body, Reason.BROKEN),
        (sending(b""), Reason.BROKEN),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), Reason.BROKEN),
        (sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"), Reason.BROKEN),
        (sending(b"220 smtp.example ESMTP\r\n"), Reason.PROTOCOL),
        (sending(b"\x00\xff" * 100), Reason.PROTOCOL),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Reason.PROTOCOL),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Reason.PROTOCOL),
    ],
)
async def test_what_is_no_answer_is_an_outage(server: WkdServer, behaviour: Behaviour, reason: Reason) -> None:
    assert await outcome(server, behaviour) == outage(reason)


async def test_a_chunk_that_lies_about_its_size(server: WkdServer) -> None:
    behaviour = sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhalf\r\n0\r\n\r\n")
    found = await outcome(server, behaviour)
    assert isinstance(found, Outage)


# What counts as "no key"


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(b"no such file", "404 Not Found"),
        sending(b"HTTP/1.1 404 Not Found\r\n\r\n" + bytes(1 << 20), close=False),
        sending(b"HTTP/1.1 404 Not Found\r\nContent-Length: 10000000000\r\n\r\n", close=False),
        answering(b""),
        sending(b"HTTP/1.1 204 No Content\r\n\r\n"),
        answering(certificate("eve@example.org")),
        answering(certificate("xbob@example.org")),
    ],
    ids=["404", "404 without end", "404 that keeps us waiting", "empty", "204", "another address", "a longer address"],
)
async def test_said_by_the_server(server: WkdServer, behaviour: Behaviour) -> None:
    assert await outcome(server, behaviour) == NotFound("wkd", "wkd/advanced")


async def test_neither_name_exists(server: WkdServer) -> None:
    async with source(server, connect_to={}) as wkd:
        assert await wkd.lookup(BOB) == NotFound("wkd", "wkd/direct")


async def test_the_direct_methods_host_refuses_the_connection(server: WkdServer) -> None:
    with closed_port() as port:
        async with source(server, connect_to={"example.org:443": f"127.0.0.1:{port}"}) as wkd:
            assert await wkd.lookup(BOB) == NotFound("wkd", "wkd/direct")


async def test_the_advanced_methods_host_refuses_the_connection(server: WkdServer) -> None:
    with closed_port() as port:
        async with source(server, connect_to={f"{HOST}:443": f"127.0.0.1:{port}"}) as wkd:
            assert await wkd.lookup(BOB) == outage(Reason.CONNECTION)


@pytest.mark.parametrize("host", [HOST, "example.org"])
async def test_servfail_is_an_outage(server: WkdServer, host: str) -> None:
    def resolve(asked: str, _: socket.AddressFamily) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN if asked == host else socket.EAI_NONAME, "")

    async with source(server, connect_to={}, resolve=resolve) as wkd:
        assert await wkd.lookup(BOB) == outage(Reason.NAME, "wkd/advanced" if host == HOST else "wkd/direct")


@pytest.mark.parametrize("address", ["bob@[127.0.0.1]", "bob@127.0.0.1", "bob@2130706433", "postmaster"])
async def test_an_address_without_a_host_name_asks_nobody(server: WkdServer, address: str) -> None:
    def fail(_: str, __: socket.AddressFamily) -> list[str]:
        raise AssertionError

    async with source(server, resolve=fail) as wkd:
        assert await wkd.lookup(Address(address)) == NotFound("wkd")


async def test_where_openpgpkey_resolves_the_direct_method_is_not_tried(server: WkdServer) -> None:
    server.behaviours["example.org"] = answering(certificate("bob@example.org"))
    async with source(server, HOST, "example.org") as wkd:
        assert await wkd.lookup(BOB) == NotFound("wkd", "wkd/advanced")


# Which certificate


async def test_the_newest_usable_of_several(server: WkdServer) -> None:
    several = [
        certificate("bob@example.org", number=1, created=1_500_000_000),
        certificate("bob@example.org", number=2, created=1_600_000_000),
        certificate("bob@example.org", number=3, created=1_700_000_000, revoked=True),
        certificate("eve@example.org", number=4, created=1_750_000_000),
    ]
    found = await outcome(server, answering(b"".join(several)))
    assert isinstance(found, Found)
    assert (found.source, found.origin, found.method) == ("wkd", Origin.WKD, "wkd/advanced")
    assert found.certificate.primary.created == 1_600_000_000


async def test_fifty_certificates_in_one_answer(server: WkdServer) -> None:
    fifty = b"".join(certificate("bob@example.org", number=n, created=1_000_000_000 + n) for n in range(50))
    found = await outcome(server, answering(fifty))
    assert isinstance(found, Found)
    assert found.certificate.primary.created == 1_000_000_049


async def test_ten_thousand_user_ids_leave_one(server: WkdServer) -> None:
    addresses = [f"u{n}@example.org" for n in range(9_999)]
    addresses.insert(5000, "bob@example.org")
    found = await outcome(server, answering(certificate(*addresses)))
    assert isinstance(found, Found)
    assert found.certificate.data == certificate("bob@example.org")


async def test_a_revoked_certificate_is_unusable_and_not_no_key(server: WkdServer) -> None:
    found = await outcome(server, answering(certificate("bob@example.org", revoked=True)))
    assert isinstance(found, Unusable)
    assert (found.why, found.origin, found.method) == (Why.REVOKED, Origin.WKD, "wkd/advanced")
    assert len(found.fingerprint) == 40


async def test_a_certificate_nobody_here_can_read_is_unusable_and_not_no_key(server: WkdServer) -> None:
    body = certificate("bob@example.org").replace(b"\x04", b"\x06", 1)
    assert await outcome(server, answering(body)) == Unusable(Why.UNSUPPORTED, "", Origin.WKD, "wkd", "wkd/advanced")


async def test_an_examiner_that_fails_is_an_outage(server: WkdServer) -> None:
    server.behaviours[HOST] = answering(certificate("bob@example.org"))
    wkd = asking(TrustingExaminer(down=True), ca_file=server.ca_file, connect_to=server.connect_to(HOST))
    assert await wkd.lookup(BOB) == outage(Reason.EXAMINER)
    await wkd.close()


async def test_the_environment_names_no_proxy_and_no_password(
    server: WkdServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"machine {HOST} login bob password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert isinstance(await outcome(server, answering(certificate("bob@example.org"))), Found)
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].headers["accept-encoding"] == "identity"
