"""The HTTP server's bounds, made small: slow bodies, slow readers, crowds of one client, memory, and faults of ours."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from ipaddress import ip_network

import pytest
from lab.tls import Identity, make_identity

from relay.model.endpoint import HttpPlace
from relay.model.errors import Crowded, StoreError
from relay.web.http.connections import SMALL_BODY, Bounds
from relay.web.http.messages import Answer, Handler, Request
from relay.web.http.server import Server

LARGE = 4 * SMALL_BODY
WORD = "kanarienvogel7"
LAST = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def serving(
    answer: Handler, bounds: Bounds, *proxies: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Its port."""
    server = Server(answer, proxies=[ip_network(each) for each in proxies], bounds=bounds)
    await server.listen(HttpPlace("127.0.0.1", 0), tls=tls)
    try:
        yield server.port
    finally:
        await server.close(5)


async def said(port: int, octets: bytes) -> bytes:
    """All that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    with suppress(ConnectionResetError):
        answer = await reader.read()
        writer.close()
        return answer
    return b""


def post(size: int, body: bytes = b"") -> bytes:
    return f"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n".encode() + body


async def reading(request: Request) -> Answer:
    return Answer(HTTPStatus.OK, str(len(await request.read(10 * LARGE))).encode())


async def test_a_body_that_comes_too_slowly_is_given_up_and_others_are_answered() -> None:
    async with serving(reading, Bounds(seconds=0.5, slowest=1 << 20), "127.0.0.0/8") as port:
        began = time.monotonic()
        slow = asyncio.create_task(said(port, post(1000, b"x" * 10)))
        assert (await said(port, post(3, b"abc"))).endswith(b"\r\n\r\n3")
        assert await slow == b""
        assert 0.4 < time.monotonic() - began < 10


async def test_who_does_not_read_the_answer_is_let_go() -> None:
    async def large(request: Request) -> Answer:
        request.hold(64 << 20)
        return Answer(HTTPStatus.OK, bytes(64 << 20))

    async with serving(large, Bounds(seconds=0.3, slowest=1 << 28, memory=100 << 20), "127.0.0.0/8") as port:
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            began = time.monotonic()
            while not (await said(port, LAST)).startswith(b"HTTP/1.1 200 "):
                assert time.monotonic() - began < 20, "the memory of its answer is given back"
                await asyncio.sleep(0.05)


async def test_one_client_has_so_many_connections_and_a_proxy_of_ours_all() -> None:
    bounds = Bounds(of_one_client=3)
    for proxies, ended in (((), 2), (("127.0.0.0/8",), 0)):
        async with serving(reading, bounds, *proxies) as port:
            pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            assert [await _answers(*pair) for pair in pairs].count(False) == ended
            for _, writer in pairs:
                writer.close()
            for _ in range(100):
                if b"200" in await said(port, post(1, b"x")):
                    break
            else:
                pytest.fail("who left is not counted any more")


def _reset(reader: asyncio.StreamReader) -> bool:
    return reader.exception() is not None


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether this connection is served."""
    with suppress(ConnectionError):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    return False


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def connected(
    port: int, count: int = 1, tls: ssl.SSLContext | None = None, said: bytes = b""
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections, one after the other; each says this."""
    pairs = [await asyncio.open_connection("127.0.0.1", port, ssl=tls) for _ in range(count)]
    for _, writer in pairs:
        writer.write(said)
    yield [reader for reader, _ in pairs]
    for _, writer in pairs:
        writer.transport.abort()


async def test_a_handshake_has_so_many_seconds(identity: Identity) -> None:
    async with (
        asyncio.timeout(20),
        serving(reading, Bounds(idle=0.3), "127.0.0.1", tls=identity.server()) as port,
        connected(port) as (silent,),
    ):
        assert await silent.read() == b""


@pytest.mark.parametrize(
    ("bounds", "proxies"), [(Bounds(of_one_client=3), ()), (Bounds(connections=3), ("127.0.0.1",))]
)
async def test_the_handshake_that_has_taken_longest_ends_where_there_are_too_many(
    identity: Identity, bounds: Bounds, proxies: tuple[str, ...]
) -> None:
    async with (
        asyncio.timeout(10),
        serving(reading, bounds, *proxies, tls=identity.server()) as port,
        connected(port, 5) as crowd,
    ):
        assert [await _end(reader) for reader in crowd[:2]] == [True, True]
        async with connected(port, 1, identity.client()):
            assert await _end(crowd[2])
            assert not any(reader.at_eof() or _reset(reader) for reader in crowd[3:])


async def test_who_has_made_a_handshake_is_not_sent_away_for_one_that_is_under_way(identity: Identity) -> None:
    async with (
        asyncio.timeout(10),
        serving(reading, Bounds(connections=3), "127.0.0.1", tls=identity.server()) as port,
        connected(port, 3, identity.client(), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") as made,
    ):
        assert [await reader.readline() for reader in made] == [b"HTTP/1.1 200 OK\r\n"] * 3
        async with connected(port) as (silent,):
            assert await _end(silent)
        assert not any(reader.at_eof() or _reset(reader) for reader in made)


async def _end(reader: asyncio.StreamReader) -> bool:
    with suppress(ConnectionResetError):
        return await reader.read() == b""
    return True


async def test_large_bodies_share_a_bound_of_memory_and_small_ones_need_none() -> None:
    came, let_go = asyncio.Event(), asyncio.Event()

    async def held(request: Request) -> Answer:
        octets = await request.read(10 * LARGE)
        if len(octets) > SMALL_BODY:
            came.set()
            await let_go.wait()
        return Answer(HTTPStatus.OK, str(len(octets)).encode())

    async with serving(held, Bounds(memory=LARGE), "127.0.0.0/8") as port:
        first = asyncio.create_task(said(port, post(LARGE, bytes(LARGE))))
        await came.wait()
        second = await said(port, post(LARGE, bytes(LARGE)))
        assert second.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: " in second
        assert (await said(port, post(3, b"abc"))).endswith(b"\r\n\r\n3")
        let_go.set()
        assert (await first).endswith(str(LARGE).encode())
        assert (await said(port, post(LARGE, bytes(LARGE)))).startswith(b"HTTP/1.1 200 "), "it was given back"


async def test_one_client_held_the_memory_for_all_and_everybody_else_was_sent_away() -> None:
    """It read its answers slowly, and had hours for that."""
    came, let_go = asyncio.Queue[None](), asyncio.Event()

    async def held(request: Request) -> Answer:
        request.hold(LARGE)
        came.put_nowait(None)
        await let_go.wait()
        return Answer(HTTPStatus.OK)

    def asked(client: str) -> bytes:
        return LAST.replace(b"Host: h", f"Host: h\r\nX-Forwarded-For: {client}".encode())

    bounds = Bounds(memory=4 * LARGE, memory_of_one_client=2 * LARGE)
    async with asyncio.timeout(20), serving(held, bounds, "127.0.0.0/8") as port:
        greedy = [asyncio.create_task(said(port, asked("203.0.113.9"))) for _ in range(2)]
        for _ in greedy:
            await came.get()
        assert (await said(port, asked("203.0.113.9"))).startswith(b"HTTP/1.1 503 ")
        other = asyncio.create_task(said(port, asked("198.51.100.7")))
        await came.get()
        let_go.set()
        assert all([(await one).startswith(b"HTTP/1.1 200 ") for one in (*greedy, other)])
        assert (await said(port, asked("203.0.113.9"))).startswith(b"HTTP/1.1 200 "), "it was given back"


async def test_a_client_chose_its_address_where_the_proxy_adds_a_field_of_its_own() -> None:
    """As HAProxy does: limits went by the field that the client had written before it."""

    async def who(request: Request) -> Answer:
        return Answer(HTTPStatus.OK, request.client.encode())

    asked = LAST.replace(b"Host: h", b"Host: h\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.7")
    async with serving(who, Bounds(), "127.0.0.0/8") as port:
        assert (await said(port, asked)).endswith(b"\r\n\r\n198.51.100.7")
    async with serving(who, Bounds()) as port:
        assert (await said(port, asked)).endswith(b"\r\n\r\n127.0.0.1")


def raising(error: Exception) -> Handler:
    async def answer(_request: Request) -> Answer:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreError("it is full"), 503), (RuntimeError(WORD), 500), (KeyError(WORD), 500), (TimeoutError(WORD), 500)],
)
async def test_a_fault_of_ours_is_a_status_and_none_of_its_words(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(raising(error), Bounds()) as port:
        answer = await said(port, LAST)
    assert re.match(rb"HTTP/1\.1 (\d+)", answer)[1] == str(status).encode()  # type: ignore[index]  # it matches
    assert WORD.encode() not in answer
    assert b"full" not in answer
    assert WORD not in capsys.readouterr().out


async def test_where_visitors_have_filled_what_may_wait_that_is_no_line_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with serving(raising(Crowded("as many wait as may")), Bounds()) as port:
        answer = await said(port, LAST)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 600" in answer
    assert "failed" not in capsys.readouterr().out


async def test_a_request_that_is_answered_before_its_body_has_come_ends_the_connection() -> None:
    async def refusing(_request: Request) -> Answer:
        return Answer(HTTPStatus.FORBIDDEN)

    async with serving(refusing, Bounds(), "127.0.0.0/8") as port:
        hidden = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
        octets = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + hidden
        assert (await said(port, octets)).count(b"HTTP/1.1 ") == 1
