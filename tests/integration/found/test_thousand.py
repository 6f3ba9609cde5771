"""Many mails at once to people whose keys nobody has looked for yet, through the real relay process."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import pytest
from lab.certificates import make_keypair
from lab.client import Client
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.timed import mail, send
from lab.wkd import Exchange

from relay.store import Result

DOMAIN = "ville.example"
HOST = f"openpgpkey.{DOMAIN}"
CLIENTS = 40  # as Postfix would: it delivers to a content filter with so many connections
HASTE = 8.0
"""Seconds that a domain has to answer where one is down: a machine that stands still for some of them costs no mail."""
REMEMBERED = 600.0
"""Seconds that an outage counts: longer than the slowest machine takes for the mails of a test."""
KEYLESS = "keyless@campagne.example"
"""Whose domain answers, and has no key for anybody."""
LOOKS, MAILS = 4, 50


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published

    @property
    def url(self) -> str:
        return f"lmtp://127.0.0.1:{self.relay.port}"


@pytest.fixture
def site() -> Iterator[Site]:
    with made(workers=1) as site:
        yield site


@pytest.fixture
def hasty() -> Iterator[Site]:
    with made(workers=1, timeout=HASTE) as site:
        yield site


@contextmanager
def made(workers: int, timeout: float = 60) -> Iterator[Site]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        wkd = stack.enter_context(Published(DOMAIN, "campagne.example", timeout=timeout))
        lookup = {"timeout": "60s", "wkd": wkd.settings, "cache": {"unavailable": f"{REMEMBERED:g}s"}}
        settings = {"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup, "workers": workers}
        relay = stack.enter_context(Relay(settings))
        relay.start()
        yield Site(relay, sink, wkd)


async def send_all(url: str, addresses: list[str]) -> dict[str, str]:
    """Over `CLIENTS` connections, each taking the next."""
    left = iter(addresses)
    replies: dict[str, str] = {}

    async def work() -> None:
        async with Client(url) as client:
            await client.hello()
            for address in left:
                (replies[address],) = await client.send("a@here.example", [address], mail(address))

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return replies


@pytest.mark.timeout(600)  # a thousand keys are made, and their mails encrypted
async def test_a_thousand_mails_to_a_thousand_new_addresses_of_one_domain(site: Site) -> None:
    addresses = [f"u{n}@{DOMAIN}" for n in range(1000)]
    for address in addresses:
        site.wkd.publish(address, make_keypair(f"<{address}>").public)
    begun = time.monotonic()
    replies = await send_all(site.url, addresses)
    print(f"{time.monotonic() - begun:.1f} s for 1000 mails, {site.wkd.server.connections} connections")
    assert {reply[:3] for reply in replies.values()} == {"250"}
    assert site.wkd.server.most[HOST] <= 2
    assert len(site.wkd.asked) == len(set(site.wkd.asked)) == 1000
    assert all(b"multipart/encrypted" in taken.content for taken in site.sink.taken)


@pytest.mark.alone
async def test_a_domain_that_is_down_costs_later_mails_nothing_and_is_back_at_once_when_it_is(hasty: Site) -> None:
    """To look up what is remembered of it costs what any remembered answer does, taken in turns."""
    site = hasty

    async def never(_: Exchange) -> None:
        await asyncio.Event().wait()

    site.wkd.publish(f"back@{DOMAIN}", make_keypair(f"<back@{DOMAIN}>").public)
    site.wkd.behave(DOMAIN, never)
    first = await send_all(site.url, [f"u{n}@{DOMAIN}" for n in range(100)])
    assert {reply[:9] for reply in first.values()} == {"451 4.4.3"}
    requests = site.wkd.server.requests
    assert len(requests) <= 2 * 2, "one timeout for all hundred, not one for each forty that came together"
    assert (await send(site.url, KEYLESS)).startswith("250")

    def looked_up(result: str) -> list[float]:
        """Seconds that it took of each mail with this result."""
        events = [e for e in site.relay.events if e["event"] == "looked_up"]
        return [e["seconds"] for e in events if e["result"] == result]

    def asked() -> tuple[int, int]:
        lookups = sum(e["event"] == "source_asked" and e["source"] == "wkd" for e in site.relay.events)
        return len(requests), lookups

    before = asked()
    for look in range(LOOKS):  # what else the machine does makes some slower, and none quicker
        for n in range(MAILS):
            assert (await send(site.url, KEYLESS)).startswith("250")
            assert (await send(site.url, f"v{look}.{n}@{DOMAIN}")).startswith("451 4.4.3")
        remembered, down = (statistics.median(looked_up(what)[-MAILS:]) for what in ("not found", "unavailable"))
        print(f"looking up took {down * 1000:.1f} ms, and {remembered * 1000:.1f} ms where no key is remembered")
        if costs_nothing := down < max(0.005, 3 * remembered):
            break
    assert costs_nothing
    assert asked() == before, "nobody was"
    assert all(KEYLESS in taken.recipients for taken in site.sink.taken)
    taken = len(site.sink.taken)
    site.wkd.behave(DOMAIN, None)
    assert (await send(site.url, f"back@{DOMAIN}")).startswith("451 4.4.3")
    age_outages(site.relay, REMEMBERED)
    assert (await send(site.url, f"back@{DOMAIN}")).startswith("250")
    assert re.search(rb"(?i)content-type: multipart/encrypted", site.sink.taken[taken].content)


def age_outages(relay: Relay, seconds: float) -> None:
    """As if each had been met so much earlier."""
    with closing(sqlite3.connect(relay.keyring / "store.db", timeout=60)) as store, store:
        store.execute("UPDATE answer SET asked = asked - ? WHERE result = ?", (seconds, Result.UNAVAILABLE.value))


async def test_the_same_address_in_many_mails_is_asked_for_once(site: Site) -> None:
    key = make_keypair(f"<bob@{DOMAIN}>")
    site.wkd.publish(f"bob@{DOMAIN}", key.public)
    replies = await asyncio.gather(*(send(site.url, f"bob@{DOMAIN}") for _ in range(30)))
    assert {reply[:3] for reply in replies} == {"250"}
    assert site.wkd.asked == ["bob"]


async def test_each_of_two_workers_has_two_connections_to_a_domain_and_asks_once_and_they_share_the_answer() -> None:
    addresses = [f"u{n}@{DOMAIN}" for n in range(30)]
    with made(workers=2) as site:
        for address in addresses:
            site.wkd.publish(address, make_keypair(f"<{address}>").public)
        replies = await send_all(site.url, [address for address in addresses for _ in range(3)])
        asked = Counter(site.wkd.asked)
        print(f"{asked.total()} askings for 30 addresses, {site.wkd.server.most[HOST]} connections at most")
        replies |= await send_all(site.url, addresses)
        assert {reply[:3] for reply in replies.values()} == {"250"}
        assert {line["worker"] for line in site.relay.events if line["event"] == "received"} == {0, 1}
        assert site.wkd.server.most[HOST] <= 2 * 2
        assert len(asked) == 30
        assert max(asked.values()) <= 2, "three mails at once, and a worker asks once"
        assert Counter(site.wkd.asked) == asked, "what one has heard the other knows"
        assert len(site.sink.taken) == 4 * 30
        assert all(b"multipart/encrypted" in taken.content for taken in site.sink.taken)
