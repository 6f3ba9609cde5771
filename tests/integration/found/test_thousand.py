"""Many mails at once to people whose keys nobody has looked for yet, through the real relay process."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from lab.certificates import make_keypair
from lab.client import Client
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.timed import mail, send
from lab.wkd import Exchange

DOMAIN = "ville.example"
HOST = f"openpgpkey.{DOMAIN}"
CLIENTS = 40  # as Postfix would: it delivers to a content filter with so many connections
HASTE = 4.0
"""Seconds that a domain has to answer where one is down: more than a machine that stands still for two takes away."""
REMEMBERED = 10.0
"""Seconds that an outage counts."""


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
        wkd = stack.enter_context(Published(DOMAIN, timeout=timeout))
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
    site = hasty

    async def never(_: Exchange) -> None:
        await asyncio.Event().wait()

    site.wkd.publish(f"u200@{DOMAIN}", make_keypair(f"<u200@{DOMAIN}>").public)
    site.wkd.behave(DOMAIN, never)
    begun = time.monotonic()
    first = await send_all(site.url, [f"u{n}@{DOMAIN}" for n in range(100)])
    took_first = time.monotonic() - begun
    assert {reply[:9] for reply in first.values()} == {"451 4.4.3"}
    assert took_first < 3 * HASTE, "one timeout for all hundred, not one for each forty that came together"

    def lookups() -> list[float]:
        asked = [e for e in site.relay.events if e["event"] == "source_asked" and e["source"] == "wkd"]
        return [e["seconds"] for e in asked]

    def each_took() -> list[float]:
        """What looking up took of each mail so far."""
        return [e["seconds"] for e in site.relay.events if e["event"] == "looked_up"]

    asked = len(site.wkd.server.requests)
    before, mails = len(lookups()), len(each_took())
    begun = time.monotonic()
    later = [await send(site.url, f"u{n}@{DOMAIN}") for n in range(100, 150)]
    each = (time.monotonic() - begun) / 50
    looking = each_took()[mails:]
    cost = statistics.median(looking)
    print(
        f"first hundred {took_first:.1f} s; later {each * 1000:.1f} ms a mail, connection and trace and all, of which "
        f"looking up {cost * 1000:.1f} ms"
    )
    assert len(looking) == 50
    assert cost < 0.005, looking
    assert {reply[:9] for reply in later} == {"451 4.4.3"}
    assert (len(site.wkd.server.requests), len(lookups())) == (asked, before), "nobody was asked"
    assert site.sink.taken == []
    site.wkd.behave(DOMAIN, None)
    await asyncio.sleep(max(0.0, REMEMBERED + 0.2 - (time.monotonic() - begun)))  # the outage's time in memory
    assert (await send(site.url, f"u200@{DOMAIN}")).startswith("250")
    assert re.search(rb"(?i)content-type: multipart/encrypted", site.sink.taken[0].content)


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
