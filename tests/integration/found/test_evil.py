"""Domains that mean harm, through the real relay process: their mails wait, nothing leaves clear, others go on.

What each of them can try is shown at the source itself (`tests/integration/keys/test_wkd_evil.py`); here is what
comes of it for mail: 451 under a rule that would send clear where no key exists.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import parse_qs, urlsplit

import pytest
from lab.certificates import SIGNATURE, USER_ID, Keypair, join, make_keypair, split
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.timed import UNDISTURBED, most_resident, p99_beside, send, set_within
from lab.wkd import Behaviour, Exchange

TIMEOUT = 2.0  # of lookup.wkd, in lab.published
SOON = TIMEOUT + 1.5
EVERY = 0.2
HONEST = "colleague@honest.example"


async def never(_: Exchange) -> None:
    await asyncio.Event().wait()


async def byte_by_byte(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await exchange.raw(b"\x99")
        await asyncio.sleep(0.05)


async def body_without_end(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await exchange.raw(bytes(1 << 16))


async def headers_without_end(exchange: Exchange) -> None:
    await exchange.raw(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.raw(b"X-Header: x\r\n" * 1000)


async def redirects_without_end(exchange: Exchange) -> None:
    await exchange.redirect(f"{exchange.request.target}&again")


async def redirects_inside(exchange: Exchange) -> None:
    await exchange.redirect("https://127.0.0.1/.well-known/openpgpkey/hu/x")


async def resets(exchange: Exchange) -> None:
    exchange.reset()


def answering(body: bytes, status: str = "200 OK", **headers: str) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, status, **headers)

    return behave


BEHAVIOURS: dict[str, Behaviour] = {
    "never-answers": never,
    "byte-by-byte": byte_by_byte,
    "body-without-end": body_without_end,
    "headers-without-end": headers_without_end,
    "redirects-without-end": redirects_without_end,
    "redirects-inside": redirects_inside,
    "resets": resets,
    "error-500": answering(b"", "500 Internal Server Error"),
    "forbids": answering(b"", "403 Forbidden"),
    "parking-page": answering(b"<!DOCTYPE html><title>For sale</title>", Content_Type="text/html"),
    "compressed-bomb": answering(gzip.compress(bytes(1 << 24)), Content_Encoding="gzip"),
    "no-openpgp": answering(bytes(range(256)) * 4000),
    "packets-without-end": answering(b"\xce\x00" * 500_000),
    "a-thousand-keys": answering(b""),  # see `site`
}
BAD_TLS = ("self-signed", "expired-tls")
EVIL = [*BEHAVIOURS, *BAD_TLS]
SLOW_TO_READ = ("user-ids-in-greek", "user-ids-of-brackets", "empty-signatures")
"""What is in a megabyte may take seconds to read; each answer has an unsigned user id of the person asked for."""


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published

    @property
    def url(self) -> str:
        return f"lmtp://127.0.0.1:{self.relay.port}"


@pytest.fixture(scope="module")
def honest() -> Keypair:
    return make_keypair(f"<{HONEST}>")


@pytest.fixture(scope="module")
def site(honest: Keypair) -> Iterator[Site]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        wkd = stack.enter_context(Published(*(f"{name}.example" for name in (*EVIL, *SLOW_TO_READ))))
        for name, behaviour in BEHAVIOURS.items():
            wkd.behave(f"{name}.example", behaviour)
        many = b"".join(make_keypair("<bob@a-thousand-keys.example>").public for _ in range(1000))
        wkd.behave("a-thousand-keys.example", answering(many))
        for name in SLOW_TO_READ:
            wkd.behave(f"{name}.example", padded(f"{name}.example", paddings()[name]))
        wkd.server.tls |= {host(name): _bad_tls(wkd, name) for name in BAD_TLS}
        lookup = {"wkd": wkd.settings, "cache": {"unavailable": "0s"}}  # each mail meets it anew
        relay = stack.enter_context(Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup}))
        relay.run("keys", "import", "-", content=honest.public)
        relay.start()
        yield Site(relay, sink, wkd)


def host(name: str) -> str:
    return f"openpgpkey.{name}.example"


def _bad_tls(wkd: Published, name: str) -> ssl.SSLContext:
    wrong = {"self_signed": True} if name == "self-signed" else {"expired": True}
    return wkd.server.authority.context(host(name), **wrong)


def packet(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, len(body))) + body


def paddings() -> dict[str, bytes]:
    return {
        "user-ids-in-greek": b"".join(packet(USER_ID, f"<{n}@λ{n}.ελ>".encode()) for n in range(30_000)),
        "user-ids-of-brackets": packet(USER_ID, b"<@>" * 60) * 5000,
        "empty-signatures": packet(SIGNATURE, b"") * 49_000,
    }


def padded(domain: str, padding: bytes) -> Behaviour:
    """A key with what takes long to read, and the user id asked for, unsigned."""
    (_, head), *rest = [part for part in split(make_keypair("<nobody@nowhere.example>").public) if part[0] != USER_ID]

    async def behave(exchange: Exchange) -> None:
        (local,) = parse_qs(urlsplit(exchange.request.target).query)["l"]
        await exchange.answer(head + padding + packet(USER_ID, f"<{local}@{domain}>".encode()) + join(rest))

    return behave


@pytest.mark.parametrize("name", EVIL)
async def test_a_mail_to_an_evil_domain_waits_and_costs_no_more_than_its_timeout(site: Site, name: str) -> None:
    before = len(site.sink.taken)
    begun = time.monotonic()
    reply = await send(site.url, f"bob@{name}.example")
    assert reply.startswith("451 4.4.3"), reply
    assert time.monotonic() - begun < SOON
    assert len(site.sink.taken) == before, "nothing left, clear or sealed"


@pytest.mark.parametrize("name", SLOW_TO_READ)
async def test_an_answer_that_takes_seconds_to_read_holds_up_no_other_mail(site: Site, name: str) -> None:
    """Read on the event loop, each of them stopped the whole relay: for 4.6 s the worst."""
    await send(site.url, HONEST)
    started = time.monotonic()
    sending = asyncio.create_task(send(site.url, f"first@{name}.example"))
    longest = 0.0
    while not sending.done():
        begun = time.monotonic()
        assert (await send(site.url, HONEST)).startswith("250")
        longest = max(longest, time.monotonic() - begun)
    reply = await sending
    took = time.monotonic() - started
    print(f"{reply[:9]} after {took:.1f} s; an honest mail beside it took {longest:.3f} s at most")
    assert longest < max(0.5, took / 2)
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken)


async def test_a_key_with_thousands_of_bad_signatures_is_no_way_to_a_clear_mail(site: Site) -> None:
    parts = split(make_keypair("<bob@parking-page.example>").public)
    at = next(index for index, (tag, _) in enumerate(parts) if tag == USER_ID)
    (_, good) = parts[at + 1]
    bad = [(SIGNATURE, good[:-2] + n.to_bytes(2, "big")) for n in range(1900)]
    site.wkd.behave("parking-page.example", answering(join([*parts[: at + 2], *bad, *parts[at + 2 :]])))
    begun = time.monotonic()
    reply = await send(site.url, "bob@parking-page.example")
    print(f"{reply[:9]} after {time.monotonic() - begun:.1f} s")
    site.wkd.behave("parking-page.example", BEHAVIOURS["parking-page"])
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken)


async def test_memory_stays_bounded(site: Site) -> None:
    await send(site.url, HONEST)
    before = most_resident(site.relay.pid)
    for _ in range(3):
        await asyncio.gather(
            *(send(site.url, f"u{n}@{name}.example") for name in (*EVIL, *SLOW_TO_READ) for n in range(3))
        )
    grown = most_resident(site.relay.pid) - before
    print(f"{before >> 20} MiB and {grown >> 20} more")
    assert grown < 200 << 20


@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_other_mails_go_on_undisturbed(site: Site) -> None:
    """p99 of mails to a known key, while five mails a second go to evil domains in turn, and while none do.

    Nothing is remembered of an outage here (`unavailable: 0s`), so that each of them meets the evil anew; the evil
    servers' own work is done by the same processors and counts against us.
    """
    domains = cycle(EVIL)
    assert await p99_beside(site.url, HONEST, lambda: _disturbed(site, domains)) < UNDISTURBED
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken)


@asynccontextmanager
async def _disturbed(site: Site, domains: Iterator[str]) -> AsyncIterator[None]:
    stop = asyncio.Event()

    async def disturb() -> list[asyncio.Task[str]]:
        sending = []
        while not await set_within(stop, EVERY):
            sending.append(asyncio.create_task(send(site.url, f"u{len(sending)}@{next(domains)}.example")))
        return sending

    disturbing = asyncio.create_task(disturb())
    yield
    stop.set()
    replies = await asyncio.gather(*await disturbing)
    assert {reply[:9] for reply in replies} == {"451 4.4.3"}
