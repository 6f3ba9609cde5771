"""The HTTP server's bounds, made small: slow bodies, slow readers, crowds of one client, memory, and faults of ours."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from ipaddress import ip_network

import pytest
from lab.clock import leap
from lab.tls import Identity, make_identity

from relay.model.endpoint import HttpPlace
from relay.model.errors import Crowded, StoreError
from relay.web.http.connections import SMALL_BODY, Bounds
from relay.web.http.messages import HTML, Answer, Handler, Request
from relay.web.http.server import Server, Wording
from relay.web.public.wording import in_words

LARGE = 4 * SMALL_BODY
WORD = "kanarienvogel7"
LAST = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def serving(
    answer: Handler,
    bounds: Bounds,
    *proxies: str,
    tls: ssl.SSLContext | None = None,
    wording: Wording | None = None,
) -> AsyncIterator[int]:
    """Its port."""
    server = Server(answer, proxies=[ip_network(each) for each in proxies], bounds=bounds, wording=wording)
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


async def taken(request: Request, name: str, octets: int) -> bytes:
    """So many octets under this name, which the request shares."""

    async def load() -> bytes:
        return bytes(octets)

    return await request.share(name, octets, load) or b""


def asked_by(client: str, path: str = "/") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {client}\r\nConnection: close\r\n\r\n".encode()


async def test_a_body_that_comes_too_slowly_is_given_up_and_others_are_answered() -> None:
    came, bounds = asyncio.Event(), Bounds()

    async def waiting(request: Request) -> Answer:
        came.set()
        return await reading(request)

    async with serving(waiting, bounds, "127.0.0.0/8") as port:
        slow = asyncio.create_task(said(port, post(1000, b"x" * 10)))
        await came.wait()
        leap(bounds.seconds - 10)  # what is left is more than a machine stands still
        assert (await said(port, post(3, b"abc"))).endswith(b"\r\n\r\n3")
        assert not slow.done()
        leap(10 + 1000 / bounds.slowest)
        assert await slow == b""


async def test_who_does_not_read_the_answer_is_let_go() -> None:
    came, bounds = asyncio.Event(), Bounds(slowest=1 << 28, memory=100 << 20)

    async def large(request: Request) -> Answer:
        octets = await taken(request, str(id(request)), 64 << 20)
        came.set()
        return Answer(HTTPStatus.OK, octets)

    async with serving(large, bounds, "127.0.0.0/8") as port:
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await came.wait()
            assert (await said(port, LAST)).startswith(b"HTTP/1.1 503 ")
            leap(bounds.seconds + (64 << 20) / bounds.slowest)
            for _ in range(100):
                if (await said(port, LAST)).startswith(b"HTTP/1.1 200 "):
                    break
            else:
                pytest.fail("the memory of its answer is not given back")


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
        await taken(request, request.path, LARGE)
        came.put_nowait(None)
        await let_go.wait()
        return Answer(HTTPStatus.OK)

    bounds = Bounds(memory=4 * LARGE, memory_of_one=2 * LARGE)
    async with asyncio.timeout(20), serving(held, bounds, "127.0.0.0/8") as port:
        greedy = [asyncio.create_task(said(port, asked_by("203.0.113.9", path))) for path in ("/1", "/2")]
        for _ in greedy:
            await came.get()
        assert (await said(port, asked_by("203.0.113.9", "/3"))).startswith(b"HTTP/1.1 503 ")
        other = asyncio.create_task(said(port, asked_by("198.51.100.7", "/4")))
        await came.get()
        let_go.set()
        assert all([(await one).startswith(b"HTTP/1.1 200 ") for one in (*greedy, other)])
        assert (await said(port, asked_by("203.0.113.9", "/5"))).startswith(b"HTTP/1.1 200 "), "it was given back"


async def test_readers_of_one_mail_at_many_addresses_filled_the_memory_for_all() -> None:
    """Each held a copy of its own, for as long as it read slowly: whoever has one link kept all other readers out."""
    came, let_go, loads = asyncio.Queue[None](), asyncio.Event(), 0

    async def held(request: Request) -> Answer:
        async def load() -> bytes:
            nonlocal loads
            loads += 1
            return bytes(LARGE)

        octets = await request.share(request.path, LARGE, load)
        came.put_nowait(None)
        await let_go.wait()
        return Answer(HTTPStatus.OK, octets or b"")

    bounds = Bounds(memory=2 * LARGE, memory_of_one=LARGE)
    async with asyncio.timeout(20), serving(held, bounds, "127.0.0.0/8") as port:
        many = [asyncio.create_task(said(port, asked_by(f"203.0.113.{n}", "/one"))) for n in range(9)]
        for _ in many:
            await came.get()
        assert loads == 1
        other = asyncio.create_task(said(port, asked_by("198.51.100.7", "/other")))
        await came.get()
        assert (await said(port, asked_by("198.51.100.8", "/third"))).startswith(b"HTTP/1.1 503 "), "there is an end"
        let_go.set()
        assert all([(await one).endswith(bytes(LARGE)) for one in (*many, other)])
        assert (await said(port, asked_by("198.51.100.8", "/third"))).startswith(b"HTTP/1.1 200 "), "it was given back"


async def test_slow_answers_to_one_mail_from_many_addresses_filled_the_memory_for_all() -> None:
    """The reader of one mail sent them, an octet at a time."""
    bounds = Bounds(memory=4 * LARGE, memory_of_one=2 * LARGE)

    def sent(client: str, path: str) -> bytes:
        return (
            post(LARGE)
            .replace(b"POST /", f"POST {path}".encode())
            .replace(b"Host: h", f"Host: h\r\nX-Forwarded-For: {client}".encode())
        )

    async with asyncio.timeout(20), serving(reading, bounds, "127.0.0.0/8") as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for number, (_, writer) in enumerate(slow):
            writer.write(sent(f"203.0.113.{number}", "/one"))
        greedy = sent("203.0.113.9", "/one") + bytes(LARGE)
        while not (await said(port, greedy)).startswith(b"HTTP/1.1 503 "):  # noqa: ASYNC110  they tell nobody that they came
            await asyncio.sleep(0.01)
        assert (await said(port, sent("198.51.100.7", "/other") + bytes(LARGE))).startswith(b"HTTP/1.1 200 ")
        for reader, writer in slow:
            writer.write(bytes(LARGE))
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_each_client_that_did_not_read_had_a_copy_of_the_answer_in_its_connection() -> None:
    """Also of the page's files, which need no room of the budget: a thousand of them were hundreds of megabytes."""
    large, clients = bytes(32 << 20), 8

    async def answer(_request: Request) -> Answer:
        return Answer(HTTPStatus.OK, large)

    tracemalloc.start()
    try:
        async with (
            asyncio.timeout(60),
            serving(answer, Bounds()) as port,
            connected(port, clients, said=LAST) as made,
        ):
            for reader in made:
                await reader.readexactly(9)
            held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < len(large) / 2


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


@pytest.mark.parametrize(
    ("accepted", "language", "told"),
    [("fr-CA, en;q=0.5", "fr", "Le service est momentanément indisponible"), ("en", "en", "not available")],
)
async def test_a_reader_was_told_service_unavailable_in_no_language_of_hers(
    accepted: str, language: str, told: str
) -> None:
    for error in (StoreError("it is full"), Crowded("as many wait as may")):
        async with serving(raising(error), Bounds(), wording=in_words) as port:
            answer = await said(port, LAST.replace(b"Host: h", f"Host: h\r\nAccept-Language: {accepted}".encode()))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert f"Content-Language: {language}\r\n".encode() in answer
        assert told.encode() in answer


async def test_a_page_of_its_own_and_what_programs_get_stay_as_they_are() -> None:
    for answer in (
        Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"<p>", HTML),
        Answer(HTTPStatus.BAD_REQUEST, b"Bad Request\n"),
        Answer(HTTPStatus.OK, b"alive\n"),
    ):
        assert in_words(answer, "fr") is answer


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
