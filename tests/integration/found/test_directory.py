"""A directory that means harm or is broken, through the real relay process: 451, and other mails go on.

The relay speaks with a real slapd through a front that turns evil. What each of them can do is shown at the source
itself (`tests/integration/keys/test_ldap_outages.py`); here is what comes of it for mail, under a rule that would send
clear where no key exists.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle

import pytest
from lab.badldap import EVIL, Front, Handler
from lab.certificates import Keypair, make_keypair
from lab.relay import Relay
from lab.sink import Sink
from lab.slapd import PEOPLE, Slapd, person_entry
from lab.timed import UNDISTURBED, most_resident, p99_beside, send, set_within, times
from lab.waiting import until

TIMEOUT = 3.0
SOON = TIMEOUT + 4
EVERY = 0.6
"""Seconds between three mails to people in the evil directory and the next three."""
ROOM = 150 << 20
HONEST = "colleague@known.example"
CAROL = "carol@ville.example"
HUGE, TINY = "huge@ville.example", "tiny@ville.example"


@dataclass
class Site:
    relay: Relay
    sink: Sink
    directory: Slapd
    front: Front
    carol: Keypair

    @property
    def url(self) -> str:
        return f"lmtp://127.0.0.1:{self.relay.port}"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with made(unavailable="0s") as site:
        yield site


@pytest.fixture
def remembering() -> Iterator[Site]:
    """It asks again after two seconds, where a site's relay does after sixty."""
    with made(unavailable="2s") as site:
        yield site


@contextmanager
def made(unavailable: str) -> Iterator[Site]:
    """`unavailable`: for how long an outage of the directory is remembered."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        directory = stack.enter_context(Slapd())
        directory.add_root()
        carol = make_keypair(f"<{CAROL}>")
        large = person_entry("huge", [HUGE], bytes(5 << 20)) + person_entry("tiny", [TINY], b"\xce\x00" * 1_500_000)
        directory.add(person_entry("carol", [CAROL], carol.public) + large)
        front = stack.enter_context(Front(directory.port))
        server = {"url": f"ldap://127.0.0.1:{front.port}", "base": PEOPLE, "filter": "(mail={address})"}
        server |= {"attribute": "siteKey", "timeout": f"{TIMEOUT:g}s"}
        lookup = {"sources": ["keyring", "ldap"], "ldap": [server]}
        lookup["cache"] = {"unavailable": unavailable, "not_found": "0s"}
        relay = stack.enter_context(Relay({"reinject": f"smtp://127.0.0.1:{sink.port}", "lookup": lookup}))
        relay.run("keys", "import", "-", content=make_keypair(f"<{HONEST}>").public)
        relay.start()
        asyncio.run(send(f"lmtp://127.0.0.1:{relay.port}", HONEST))  # the first takes longer
        yield Site(relay, sink, directory, front, carol)


@pytest.fixture(autouse=True)
def good_again(site: Site) -> Iterator[None]:
    yield
    site.front.behave(None, site.directory.port)
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
    site.front.behave(EVIL[name])
    reply, took, longest = await beside(site, f"{name.replace(' ', '-')}@ville.example")
    most = most_resident(site.relay.pid) >> 20
    print(f"{reply[:9]} after {took:.2f} s; {most} MiB at most; a mail beside it took {longest:.3f} s at most")
    assert reply.startswith("451 4.4.3"), reply
    assert took < SOON
    assert longest < max(1, took / 2)


@contextmanager
def behaving(handler: Handler, site: Site) -> Iterator[None]:
    site.front.behave(handler)
    yield


@contextmanager
def frozen(site: Site) -> Iterator[None]:
    site.front.behave(None)
    site.directory.freeze()
    try:
        yield
    finally:
        site.directory.thaw()


@contextmanager
def referring(site: Site, there: str = "ldap://elsewhere.invalid") -> Iterator[None]:
    with Slapd(settings=f"referral {there}", suffix="dc=other,dc=org") as other:
        other.add_root()
        site.front.behave(None, other.port)
        yield


KINDS: dict[str, Callable[[Site], AbstractContextManager[None]]] = {
    **{name: partial(behaving, handler) for name, handler in EVIL.items()},
    "frozen": frozen,
    "refers elsewhere": referring,
}


@pytest.mark.alone
@pytest.mark.timeout(400)
async def test_other_mails_go_on_undisturbed_beside_an_evil_directory(remembering: Site) -> None:
    """p99 of mails to a known key, while others wait for a directory that turns evil in one way after the other."""
    kinds, met = cycle(KINDS), set[str]()
    disturbance = partial(_disturbed, remembering, kinds, met)
    ratio = await p99_beside(remembering.url, HONEST, disturbance, rounds=len(KINDS))
    assert ratio < UNDISTURBED
    assert met == KINDS.keys()
    assert not any(b"the clear body" in taken.content for taken in remembering.sink.taken)


@asynccontextmanager
async def _disturbed(site: Site, kinds: Iterator[str], met: set[str]) -> AsyncIterator[None]:
    """By the next kind, which has been met by then: the outage before it is forgotten."""
    stop = asyncio.Event()
    name = next(kinds)

    async def disturb() -> None:
        while not stop.is_set():
            asked = [f"{name.replace(' ', '-')}{number}@ville.example" for number in range(3)]
            assert {reply[:9] for reply in await asyncio.gather(*(send(site.url, a) for a in asked))} == {"451 4.4.3"}
            await set_within(stop, EVERY)

    with KINDS[name](site):
        async with asyncio.TaskGroup() as group:
            group.create_task(disturb())
            await until(lambda: site.front.met)
            met.add(name)
            yield
            stop.set()
        site.front.behave(None, site.directory.port)


async def test_a_directory_that_hangs_in_the_middle_of_its_life_is_an_outage_until_it_goes_on(site: Site) -> None:
    with frozen(site):
        reply, took, _ = await beside(site, "frozen@ville.example")
    assert reply.startswith("451 4.4.3"), reply
    assert took < SOON


async def test_a_directory_that_refers_elsewhere_is_an_outage_and_nobody_goes_there(site: Site) -> None:
    met: list[asyncio.StreamWriter] = []

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        writer.close()

    async with await asyncio.start_server(elsewhere, "127.0.0.1", 0) as trap:
        with referring(site, f"ldap://127.0.0.1:{trap.sockets[0].getsockname()[1]}"):
            reply, took, _ = await beside(site, "referred@ville.example")
    assert reply.startswith("451 4.4.3"), reply
    assert took < SOON
    assert met == []


async def test_an_answer_that_is_too_large_is_an_outage_for_that_address_alone(site: Site) -> None:
    reply, took, longest = await beside(site, HUGE)
    assert reply.startswith("451 4.4.3"), reply
    reply, took_tiny, longest_tiny = await beside(site, TINY)
    assert reply.startswith("451 4.4.3"), reply
    assert max(longest, longest_tiny) < max(1, (took + took_tiny) / 2)
    assert (await send(site.url, CAROL)).startswith("250")
