"""Domains that mean harm, through the real relay process: their mails wait, nothing leaves clear, others go on.

What each of them can try is shown at the source itself (`tests/integration/keys/test_wkd_evil.py`); here is what
comes of it for mail: 451 under a rule that would send clear where no key exists.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import pytest
from lab.baddomains import (
    BEHAVIOURS,
    EVERY,
    EVIL,
    KINDS,
    ODD,
    TIMEOUT,
    Disturbing,
    answering,
    disturbing,
    evil_domains,
    kind,
    made_for,
    packet,
)
from lab.certificates import SIGNATURE, USER_ID, Keypair, join, make_keypair, split
from lab.processes import Family
from lab.published import Published
from lab.relay import Relay
from lab.separate_process import LEAST, SeparateProcess
from lab.sink import Sink
from lab.timed import UNDISTURBED, most_resident, p99_beside, send
from lab.wkd import Behaviour

pytestmark = pytest.mark.waits

SOON = TIMEOUT + 8
"""Seconds on a busy machine; a message's lookups have fifteen."""
HONEST = "colleague@honest.example"
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
        wkd = stack.enter_context(evil_domains(*SLOW_TO_READ))
        for name in SLOW_TO_READ:
            wkd.behave(f"{name}.example", padded(paddings()[name]))
        relay = stack.enter_context(relaying(wkd.settings, sink.port, honest))
        yield Site(relay, sink, wkd)


@pytest.fixture(scope="module")
def patient(site: Site, honest: Keypair) -> Iterator[Site]:
    """Before the same domains; none of those that answer is too slow for it."""
    with relaying({**site.wkd.settings, "timeout": "12s"}, site.sink.port, honest) as relay:
        yield Site(relay, site.sink, site.wkd)


@contextmanager
def relaying(wkd: dict[str, Any], next_hop: int, honest: Keypair) -> Iterator[Relay]:
    """It remembers no outage: each mail meets it anew."""
    lookup = {"wkd": wkd, "cache": {"unavailable": "0s"}}
    with Relay({"reinject": f"smtp://127.0.0.1:{next_hop}", "lookup": lookup, "policy": POLICY}) as relay:
        relay.run("keys", "import", "-", content=honest.public)
        relay.start()
        yield relay


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
    assert len(site.sink.taken) == before, "nothing left, clear or encrypted"


@pytest.mark.parametrize("name", ODD)
async def test_a_mail_to_a_domain_with_an_odd_answer_leaves_encrypted_or_not_at_all(patient: Site, name: str) -> None:
    before = len(patient.sink.taken)
    address = f"bob@{name}.example"
    assert (await send(patient.url, address)).startswith("250 2.0.0")
    assert decided(patient.relay, address) == {ODD[name][1]}
    assert not any(b"the clear body" in taken.content for taken in patient.sink.taken[before:])


def decided(relay: Relay, *addresses: str) -> set[str]:
    return {row["action"] for row in relay.trace() if row["recipient"] in addresses}


@pytest.mark.parametrize("name", SLOW_TO_READ)
async def test_an_answer_that_takes_seconds_to_read_holds_up_no_other_mail(site: Site, name: str) -> None:
    """Read on the event loop, each of them stopped the whole relay: for 4.6 s the worst."""
    await send(site.url, HONEST)
    for who in ("first", "second", "third"):  # what is read on the loop does each time; the machine may do so once
        if not await held_up(site, f"{who}@{name}.example"):
            break
    else:
        pytest.fail("each of them held up a mail beside it")
    assert not any(b"the clear body" in taken.content for taken in site.sink.taken)


async def held_up(site: Site, address: str) -> bool:
    """Whether a mail to this address held up an honest one beside it."""
    started = time.monotonic()
    sending = asyncio.create_task(send(site.url, address))
    longest = 0.0
    while not sending.done():
        begun = time.monotonic()
        assert (await send(site.url, HONEST)).startswith("250")
        longest = max(longest, time.monotonic() - begun)
    reply = await sending
    took = time.monotonic() - started
    print(f"{reply[:9]} after {took:.1f} s; an honest mail beside it took {longest:.3f} s at most")
    return longest >= max(0.5, took / 2)


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
@pytest.mark.timeout(600)
async def test_other_mails_go_on_undisturbed(honest: Keypair) -> None:
    """p99 of mails to a known key, while five mails a second go to evil domains in turn, and while none do.

    Nothing is remembered of an outage here (`unavailable: 0s`), and no address is asked twice, so that each of them
    meets the evil anew. The evil servers and who writes to them have a process of their own that takes what the others
    leave, as they have machines of their own elsewhere.
    """
    told: list[tuple[float, dict[str, str]]] = []
    with SeparateProcess(disturbing, LEAST) as evil, SeparateProcess(Sink) as sink:
        settings = {**evil.call(attrgetter("settings")), "timeout": "5s"}  # it gets what the others leave
        with relaying(settings, sink.call(attrgetter("port")), honest) as relay:
            url = f"lmtp://127.0.0.1:{relay.port}"
            ratio = await p99_beside(
                url,
                HONEST,
                partial(beside, evil, url, told),
                Family(os.getpid(), relay.keyring),
                enough=lambda: sum(len(replies) for _, replies in told) >= len(KINDS),
            )
            assert_right(relay, told)
        assert evil.call(attrgetter("met")) == set(KINDS)
        assert not any(b"the clear body" in taken.content for taken in sink.call(attrgetter("taken")))
    assert ratio < UNDISTURBED


@asynccontextmanager
async def beside(
    evil: SeparateProcess[Disturbing], url: str, told: list[tuple[float, dict[str, str]]]
) -> AsyncIterator[None]:
    evil.call(Disturbing.begin, url)
    yield
    told.append(evil.call(Disturbing.end))


def assert_right(relay: Relay, told: list[tuple[float, dict[str, str]]]) -> None:
    """They came as often as they should, and each met its due."""
    replies = {address: reply for _, replies in told for address, reply in replies.items()}
    assert len(replies) > 0.9 * sum(seconds for seconds, _ in told) / EVERY
    for address, reply in replies.items():
        assert reply.startswith("250 2.0.0" if kind(address) in ODD else "451 4.4.3"), (address, reply)
    for name, (_, action) in ODD.items():
        assert decided(relay, *(address for address in replies if kind(address) == name)) == {action}
