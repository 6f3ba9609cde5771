"""Domains that mean harm, or answer oddly, to people who ask them for a key.

`evil_domains()` serves all of them (`lab.published`): KIND.example is as `BEHAVIOURS`, `BAD_TLS` or `ODD` tells.
`disturbing()` does too, for a separate process (`lab.separate_process`), and sends mails to one after the other, five a
second.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.certificates import PUBLIC_SUBKEY, USER_ID, join, make_keypair, split
from lab.published import Published
from lab.timed import send, set_within
from lab.wkd import Behaviour, Exchange


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
TIMEOUT = 2.0
"""Seconds that one of them has to answer."""
ODD = {
    "revoked": (revoked, "refuse"),
    "of-another-address": (of_another_address, "refuse"),  # that is "no key": a rule asks for one
    "ten-thousand-user-ids": (ten_thousand_user_ids, "encrypt"),
    "fifty-keys": (fifty_keys, "encrypt"),
}
"""What they answer, and what is right then."""
KINDS = (*EVIL, *ODD)
EVERY = 0.2
"""Seconds between two mails of `Disturbing`."""
MADE = 500
"""For so many of them what is answered has been made before, as a domain's would be."""


def host(name: str) -> str:
    return f"openpgpkey.{name}.example"


def _bad_tls(wkd: Published, name: str) -> ssl.SSLContext:
    if name == "wrong-name":
        return wkd.server.authority.context(host("another"))
    wrong = {"self_signed": True} if name == "self-signed" else {"expired": True}
    return wkd.server.authority.context(host(name), **wrong)


@contextmanager
def evil_domains(*others: str) -> Iterator[Published]:
    """All of them, and others to be told how to behave."""
    with Published(*(f"{name}.example" for name in (*EVIL, *ODD, *others)), timeout=TIMEOUT) as wkd:
        thousand()
        for name, behaviour in BEHAVIOURS.items():
            wkd.behave(f"{name}.example", behaviour)
        for name, (make, _) in ODD.items():
            wkd.behave(f"{name}.example", made_for(make))
        wkd.server.tls |= {host(name): _bad_tls(wkd, name) for name in BAD_TLS}
        yield wkd


class Disturbing:
    """Mails to one domain after the other, no address twice."""

    def __init__(self, wkd: Published) -> None:
        self._wkd = wkd
        self._numbers = count()
        for address in map(_address, range(MADE)):
            if kind(address) in ODD:
                ODD[kind(address)][0](address)

    @property
    def settings(self) -> dict[str, Any]:
        return self._wkd.settings

    @property
    def met(self) -> set[str]:
        """The kinds that were asked; who refuses a certificate asks nothing behind it."""
        asked = {request.host for request in self._wkd.server.requests}
        return {name for name in KINDS if host(name) in (self._wkd.server.named if name in BAD_TLS else asked)}

    def begin(self, url: str) -> None:
        """Send to the relay there from now on."""
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._disturb(url))

    async def end(self) -> tuple[float, dict[str, str]]:
        """Send no more. For how many seconds it sent, and the reply for each address."""
        self._stop.set()
        return await self._task

    async def _disturb(self, url: str) -> tuple[float, dict[str, str]]:
        begun = due = time.monotonic()
        async with asyncio.TaskGroup() as group:
            sending = {}
            while not await set_within(self._stop, due - time.monotonic()):
                address = _address(next(self._numbers))
                sending[address] = group.create_task(send(url, address))
                due += EVERY
            seconds = time.monotonic() - begun
        return seconds, {address: task.result() for address, task in sending.items()}


def _address(number: int) -> str:
    return f"v{number}@{KINDS[number % len(KINDS)]}.example"


def kind(address: str) -> str:
    """Of the domain that it belongs to."""
    return address.partition("@")[2].removesuffix(".example")


@contextmanager
def disturbing() -> Iterator[Disturbing]:
    with evil_domains() as wkd:
        yield Disturbing(wkd)
