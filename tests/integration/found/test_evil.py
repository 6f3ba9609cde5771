"""Domains that mean harm, through the real relay process: their mails wait, nothing leaves clear, others go on.

What each of them can try is shown at the source itself (`tests/integration/keys/test_wkd_evil.py`); here is what
comes of it for mail: 451 under a rule that would send clear where no key exists.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from urllib.parse import parse_qs, urlsplit

import pytest
from lab.certificates import PUBLIC_SUBKEY, SIGNATURE, USER_ID, Keypair, join, make_keypair, split
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


def redirecting(location: str) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.redirect(location)

    return behave


async def resets(exchange: Exchange) -> None:
    exchange.reset()


def answering(body: bytes, status: str = "200 OK", **headers: str) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, status, **headers)

    return behave


def made_for(make: Callable[[str], bytes]) -> Behaviour:
    """Answers with what is made for the address that is asked for."""

    async def behave(exchange: Exchange) -> None:
        (local,) = parse_qs(urlsplit(exchange.request.target).query)["l"]
        await exchange.answer(make(f"{local}@{exchange.request.host.removeprefix('openpgpkey.')}"))

    return behave


def packet(tag: int, body: bytes) -> bytes:
    return bytes((0xC0 | tag, len(body))) + body


def truncated(address: str) -> bytes:
    return make_keypair(f"<{address}>").public[:-20]


def a_thousand_keys(address: str) -> bytes:
    named = packet(USER_ID, f"<{address}>".encode())
    return b"".join(primary + named + subkeys for primary, subkeys in thousand())


@cache
def thousand() -> list[tuple[bytes, bytes]]:
    """Primary keys and their subkeys; without signatures, to be less than 1 MiB."""
    keys = [split(make_keypair("<nobody@nowhere.example>").public) for _ in range(1000)]
    return [(primary, join(part for part in rest if part[0] == PUBLIC_SUBKEY)) for (_, primary), *rest in keys]


@cache
def revoked(address: str) -> bytes:
    pair = make_keypair(f"<{address}>")
    (_, primary), *rest = split(pair.public)
    return primary + pair.revocation + join(rest)


@cache
def of_another_address(address: str) -> bytes:
    return make_keypair(f"<x{address}>").public


@cache
def ten_thousand_user_ids(address: str) -> bytes:
    (_, primary), *rest = split(make_keypair(f"<{address}>").public)
    strangers = b"".join(packet(USER_ID, f"<x{n}{address}>".encode()) for n in range(9_999))
    return primary + strangers + join(rest)


@cache
def fifty_keys(address: str) -> bytes:
    return b"".join(make_keypair(f"<{address}>").public for _ in range(50))


BEHAVIOURS: dict[str, Behaviour] = {
    "never-answers": never,
    "byte-by-byte": byte_by_byte,
    "body-without-end": body_without_end,
    "headers-without-end": headers_without_end,
    "redirects-without-end": redirects_without_end,
    "redirects-inside": redirecting("https://127.0.0.1/.well-known/openpgpkey/hu/x"),
    "redirects-inside-mapped": redirecting("https://[::ffff:10.0.0.1]/.well-known/openpgpkey/hu/x"),
    "redirects-to-metadata": redirecting("https://169.254.169.254/latest/meta-data/"),
    "redirects-to-a-file": redirecting("file:///etc/passwd"),
    "resets": resets,
    "error-500": answering(b"", "500 Internal Server Error"),
    "forbids": answering(b"", "403 Forbidden"),
    "parking-page": answering(b"<!DOCTYPE html><title>For sale</title>", Content_Type="text/html"),
    "compressed-bomb": answering(gzip.compress(bytes(1 << 24)), Content_Encoding="gzip"),
    "no-openpgp": answering(bytes(range(256)) * 4000),
    "packets-without-end": answering(b"\xce\x00" * 500_000),
    "truncated": made_for(truncated),
    "a-thousand-keys": made_for(a_thousand_keys),
}
BAD_TLS = ("self-signed", "expired-tls", "wrong-name")
EVIL = [*BEHAVIOURS, *BAD_TLS]
"""Their mails wait."""
ODD = {
    "revoked": (revoked, "refuse"),
    "of-another-address": (of_another_address, "refuse"),  # that is "no key": a rule asks for one
    "ten-thousand-user-ids": (ten_thousand_user_ids, "seal"),
    "fifty-keys": (fifty_keys, "seal"),
}
"""What they answer, and what is right then."""
POLICY = [
    {"name": "never clear", "to": ["*@of-another-address.example"], "encrypt": "required"},
    {"name": "everyone else", "encrypt": "preferred"},
]
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
        wkd = stack.enter_context(Published(*(f"{name}.example" for name in (*EVIL, *ODD, *SLOW_TO_READ))))
        for name, behaviour in BEHAVIOURS.items():
            wkd.behave(f"{name}.example", behaviour)
        thousand()
        for name, (make, _) in ODD.items():
            wkd.behave(f"{name}.example", made_for(make))
        for name in SLOW_TO_READ:
            wkd.behave(f"{name}.example", padded(paddings()[name]))
        wkd.server.tls |= {host(name): _bad_tls(wkd, name) for name in BAD_TLS}
        lookup = {"wkd": wkd.settings, "cache": {"unavailable": "0s"}}  # each mail meets it anew
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup, "policy": POLICY}
        relay = stack.enter_context(Relay(settings))
        relay.run("keys", "import", "-", content=honest.public)
        relay.start()
        yield Site(relay, sink, wkd)


def host(name: str) -> str:
    return f"openpgpkey.{name}.example"


def _bad_tls(wkd: Published, name: str) -> ssl.SSLContext:
    if name == "wrong-name":
        return wkd.server.authority.context(host("another"))
    wrong = {"self_signed": True} if name == "self-signed" else {"expired": True}
    return wkd.server.authority.context(host(name), **wrong)


def paddings() -> dict[str, bytes]:
    return {
        "user-ids-in-greek": b"".join(packet(USER_ID, f"<{n}@λ{n}.ελ>".encode()) for n in range(30_000)),
        "user-ids-of-brackets": packet(USER_ID, b"<@>" * 60) * 5000,
        "empty-signatures": packet(SIGNATURE, b"") * 49_000,
    }


def padded(padding: bytes) -> Behaviour:
    """A key with what takes long to read, and the user id asked for, unsigned."""
    (_, head), *rest = [part for part in split(make_keypair("<nobody@nowhere.example>").public) if part[0] != USER_ID]
    return made_for(lambda address: head + padding + packet(USER_ID, f"<{address}>".encode()) + join(rest))


@pytest.mark.parametrize("name", EVIL)
async def test_a_mail_to_an_evil_domain_waits_and_costs_no_more_than_its_timeout(site: Site, name: str) -> None:
    before = len(site.sink.taken)
    begun = time.monotonic()
    reply = await send(site.url, f"bob@{name}.example")
    assert reply.startswith("451 4.4.3"), reply
    assert time.monotonic() - begun < SOON
    assert len(site.sink.taken) == before, "nothing left, clear or sealed"


@pytest.mark.parametrize("name", ODD)
async def test_a_mail_to_a_domain_with_an_odd_answer_leaves_sealed_or_not_at_all(site: Site, name: str) -> None:
    before = len(site.sink.taken)
    address = f"bob@{name}.example"
    assert (await send(site.url, address)).startswith("250 2.0.0")
    assert decided(site, address) == {ODD[name][1]}
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken[before:])


def decided(site: Site, *addresses: str) -> set[str]:
    return {row["action"] for row in site.relay.trace() if row["recipient"] in addresses}


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
            *(send(site.url, f"u{n}@{name}.example") for name in (*EVIL, *ODD, *SLOW_TO_READ) for n in range(3))
        )
    grown = most_resident(site.relay.pid) - before
    print(f"{before >> 20} MiB and {grown >> 20} more")
    assert grown < 200 << 20
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken)


@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_other_mails_go_on_undisturbed(site: Site) -> None:
    """p99 of mails to a known key, while five mails a second go to evil domains in turn, and while none do.

    Nothing is remembered of an outage here (`unavailable: 0s`), and no address is asked twice, so that each of them
    meets the evil anew; the evil servers' own work is done by the same processors and counts against us.
    """
    kinds, sent = (*EVIL, *ODD), list[str]()
    for n in range(200):  # made before, as a domain's would be: the sink is in this process too
        if (kind := kinds[n % len(kinds)]) in ODD:
            ODD[kind][0](disturbing(n, kind))
    disturbed = partial(_disturbed, site, kinds, sent)
    assert await p99_beside(site.url, HONEST, disturbed, enough=lambda: len(sent) >= len(kinds)) < UNDISTURBED
    for name, (_, action) in ODD.items():
        assert decided(site, *(address for address in sent if address.endswith(f"@{name}.example"))) == {action}
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken)


def disturbing(number: int, kind: str) -> str:
    return f"v{number}@{kind}.example"


@asynccontextmanager
async def _disturbed(site: Site, kinds: Sequence[str], sent: list[str]) -> AsyncIterator[None]:
    stop = asyncio.Event()

    async def disturb() -> dict[str, asyncio.Task[str]]:
        sending = {}
        while not await set_within(stop, EVERY):
            kind = kinds[len(sent) % len(kinds)]
            sent.append(disturbing(len(sent), kind))
            sending[sent[-1]] = asyncio.create_task(send(site.url, sent[-1]))
        return sending

    task = asyncio.create_task(disturb())
    yield
    stop.set()
    for address, reply in (await task).items():
        kind = address.partition("@")[2].removesuffix(".example")
        assert (await reply).startswith("250 2.0.0" if kind in ODD else "451 4.4.3"), (address, await reply)
