"""A directory that means harm or is broken, through the real relay process: 451, and other mails go on.

The relay speaks with a real slapd through a front that turns evil. What each of them can do is shown at the source
itself (`tests/integration/keys/test_ldap_outages.py`); here is what comes of it for mail, under a rule that would send
clear where no key exists.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from operator import attrgetter

import pytest
from lab.badldap import EVIL
from lab.certificates import Keypair, make_keypair
from lab.directory import KINDS, TIMEOUT, Directory, Disturbing, directory, disturbing, frozen, referring
from lab.processes import Family
from lab.relay import Relay
from lab.separate_process import LEAST, SeparateProcess
from lab.sink import Sink
from lab.slapd import person_entry
from lab.timed import UNDISTURBED, most_resident, p99_beside, send, times

pytestmark = pytest.mark.waits

SOON = TIMEOUT + 8
"""Seconds on a busy machine; a message's lookups have fifteen."""
ROOM = 150 << 20
HONEST = "colleague@known.example"
CAROL = "carol@ville.example"
HUGE, TINY = "huge@ville.example", "tiny@ville.example"


@dataclass
class Site:
    relay: Relay
    sink: Sink
    directory: Directory
    carol: Keypair

    @property
    def url(self) -> str:
        return f"lmtp://127.0.0.1:{self.relay.port}"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        there = stack.enter_context(directory())
        carol = make_keypair(f"<{CAROL}>")
        large = person_entry("huge", [HUGE], bytes(5 << 20)) + person_entry(
            "tiny", [TINY], b"\xc6\x00" + b"\xce\x00" * 1_500_000
        )
        there.slapd.add(person_entry("carol", [CAROL], carol.public) + large)
        relay = stack.enter_context(relaying(there.settings, sink.port, unavailable="0s"))
        yield Site(relay, sink, there, carol)


@contextmanager
def relaying(server: dict[str, str], next_hop: int, unavailable: str) -> Iterator[Relay]:
    """`unavailable`: for how long an outage of the directory is remembered."""
    cache = {"unavailable": unavailable, "not_found": "0s"}
    lookup = {"sources": ["keyring", "ldap"], "ldap": [server], "cache": cache}
    with Relay({"reinject": f"smtp://127.0.0.1:{next_hop}", "lookup": lookup}) as relay:
        relay.run("keys", "import", "-", content=make_keypair(f"<{HONEST}>").public)
        relay.start()
        asyncio.run(send(f"lmtp://127.0.0.1:{relay.port}", HONEST))  # the first takes longer
        yield relay


@pytest.fixture(autouse=True)
def good_again(site: Site) -> Iterator[None]:
    yield
    site.directory.good_again()
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken), "clear"


async def beside(site: Site, address: str) -> tuple[str, float, float]:
    """The answer for this address, how long it took, and the longest that a mail to a known key took meanwhile."""
    before = most_resident(site.relay.pid)
    begun = time.monotonic()
    sending = asyncio.create_task(send(site.url, address))
    longest = 0.0
    while not sending.done():
        (taken,) = await times(site.url, HONEST, 1)
        longest = max(longest, taken)
    assert most_resident(site.relay.pid) - before < ROOM
    return await sending, time.monotonic() - begun, longest


@pytest.mark.parametrize("name", EVIL)
async def test_an_evil_directory_is_an_outage_that_holds_up_nobody_else(site: Site, name: str) -> None:
    site.directory.front.behave(EVIL[name])
    for attempt in range(3):  # an evil one that holds up others does so each time; the machine may do so once
        reply, took, longest = await beside(site, f"{name.replace(' ', '-')}{attempt}@ville.example")
        most = most_resident(site.relay.pid) >> 20
        print(f"{reply[:9]} after {took:.2f} s; {most} MiB at most; a mail beside it took {longest:.3f} s at most")
        assert reply.startswith("451 4.4.3"), reply
        assert took < SOON
        if longest < max(1, took / 2):
            break
    else:
        pytest.fail("each time a mail beside it was held up")


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_other_mails_go_on_undisturbed_beside_an_evil_directory() -> None:
    """p99 of mails to a known key, while others wait for a directory that turns evil in one way after the other.

    An outage is forgotten after two seconds, where a site's relay asks again after sixty. The directory and who writes
    to people in it have a process of their own that takes what the others leave.
    """
    told: dict[str, Counter[str]] = {}
    with SeparateProcess(disturbing, LEAST) as evil, SeparateProcess(Sink) as sink:
        server, next_hop = evil.call(attrgetter("settings")), sink.call(attrgetter("port"))
        with relaying(server, next_hop, unavailable="2s") as relay:
            url, ours = f"lmtp://127.0.0.1:{relay.port}", Family(os.getpid(), relay.keyring)
            disturbance = partial(disturbed, evil, url, cycle(KINDS), told)
            ratio = asyncio.run(p99_beside(url, HONEST, disturbance, ours, rounds=len(KINDS), mails=90))
        assert told.keys() == KINDS.keys()
        assert {reply for replies in told.values() for reply in replies} == {"451 4.4.3"}
        assert not any(b"the clear body" in taken.content for taken in sink.call(attrgetter("taken")))
    assert ratio < UNDISTURBED


@asynccontextmanager
async def disturbed(
    evil: SeparateProcess[Disturbing], url: str, kinds: Iterator[str], told: dict[str, Counter[str]]
) -> AsyncIterator[None]:
    name = next(kinds)
    evil.call(Disturbing.begin, url, name)
    yield
    told.setdefault(name, Counter()).update(evil.call(Disturbing.end))


async def test_a_directory_that_hangs_in_the_middle_of_its_life_is_an_outage_until_it_goes_on(site: Site) -> None:
    with frozen(site.directory):
        reply, took, _ = await beside(site, "frozen@ville.example")
    assert reply.startswith("451 4.4.3"), reply
    assert took < SOON


async def test_a_directory_that_refers_elsewhere_is_an_outage_and_nobody_goes_there(site: Site) -> None:
    met: list[asyncio.StreamWriter] = []

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        writer.close()

    async with await asyncio.start_server(elsewhere, "127.0.0.1", 0) as trap:
        with referring(site.directory, f"ldap://127.0.0.1:{trap.sockets[0].getsockname()[1]}"):
            reply, took, _ = await beside(site, "referred@ville.example")
    assert reply.startswith("451 4.4.3"), reply
    assert took < SOON
    assert met == []


async def test_an_answer_that_is_too_large_is_an_outage_for_that_address_alone(site: Site) -> None:
    for _ in range(3):  # likewise
        reply, took, longest = await beside(site, HUGE)
        assert reply.startswith("451 4.4.3"), reply
        reply, took_tiny, longest_tiny = await beside(site, TINY)
        assert reply.startswith("451 4.4.3"), reply
        if max(longest, longest_tiny) < max(1, (took + took_tiny) / 2):
            break
    else:
        pytest.fail("each time a mail beside it was held up")
    replies = [await send(site.url, CAROL) for _ in range(3)]  # a worker that starts slowly may be too late once
    assert any(reply.startswith("250") for reply in replies), replies
