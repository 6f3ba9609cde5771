"""Keyservers as a source: whose “no key” counts, and that an outage never is one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lab.unsigned_packets import TrustingExaminer, certificate

from relay.keys.wkd import keyservers
from relay.keys.wkd.keyservers import MALFORMED, Keyservers
from relay.keys.wkd.port import Document, Fetched
from relay.keys.wkd.reason import NAME, Reason
from relay.model import Address, Found, NotFound, Origin, Outage

BOB, ANN = Address("bob@ville.example"), Address("ann@ville.example")
ONE, TWO = "https://one.example", "https://two.example"
NOTHING = NotFound(NAME, "vks/by-email")


class Servers:
    """`port.Fetch`: what each server answers for each address, 404 for all others."""

    def __init__(self, answers: dict[tuple[str, Address], Fetched]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Address]] = []

    @asynccontextmanager
    async def fetched(self, address: Address, server: str = "") -> AsyncIterator[Fetched]:
        self.asked.append((server, address))
        yield self.answers.get((server, address), NOTHING)

    async def close(self) -> None:
        pass


class Memory:
    """`Proofs`."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def proved(self, server: str) -> bool:
        return server in self.known

    async def note(self, server: str) -> None:
        self.known.add(server)


def has(address: Address) -> Document:
    return Document("vks/by-email", (certificate(address.text),))


def down(reason: Reason) -> Outage:
    return Outage(NAME, reason, "vks/by-email")


def asking(servers: Servers, memory: Memory | None = None) -> Keyservers:
    urls = list(dict.fromkeys(server for server, _ in servers.answers)) or [ONE]
    return Keyservers(urls, TrustingExaminer(), servers, memory or Memory())


async def test_what_a_server_has_is_found_with_its_origin() -> None:
    found = await asking(Servers({(ONE, BOB): has(BOB)})).lookup(BOB)
    assert isinstance(found, Found)
    assert (found.origin, found.source, found.method) == (Origin.VKS, "vks", "vks/by-email")


async def test_no_key_counts_only_once_the_server_has_proved_to_be_a_keyserver() -> None:
    servers, memory = Servers({(ONE, BOB): has(BOB)}), Memory()
    source = asking(servers, memory)
    assert await source.lookup(ANN) == Outage("vks", Reason.UNPROVED, "vks/by-email")
    await source.lookup(BOB)
    assert await source.lookup(ANN) == NotFound("vks", "vks/by-email")
    assert await asking(servers, memory).lookup(ANN) == NotFound("vks", "vks/by-email"), "a restart forgot it"


async def test_a_server_that_knows_a_malformed_request_is_a_keyserver() -> None:
    servers = Servers({(ONE, MALFORMED): down(Reason.MALFORMED)})
    assert await asking(servers).lookup(ANN) == NotFound("vks", "vks/by-email")


@pytest.mark.parametrize("reason", [Reason.STATUS, Reason.SERVER, Reason.TIMEOUT])
async def test_any_other_answer_to_it_proves_nothing_and_is_not_asked_for_again_at_once(reason: Reason) -> None:
    servers = Servers({(ONE, MALFORMED): down(reason)})
    source = asking(servers)
    for _ in range(3):
        assert isinstance(await source.lookup(ANN), Outage)
    assert servers.asked.count((ONE, MALFORMED)) == 1


async def test_it_is_asked_for_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers({(ONE, MALFORMED): down(Reason.SERVER)})
    source = asking(servers)
    await source.lookup(ANN)
    servers.answers[ONE, MALFORMED] = down(Reason.MALFORMED)
    monkeypatch.setattr(keyservers, "PAUSE", -1.0)
    assert isinstance(await source.lookup(ANN), NotFound)
    assert time.monotonic() > 0


async def test_an_outage_of_one_server_is_never_no_key_and_another_one_may_have_the_key() -> None:
    memory = Memory()
    memory.known = {ONE, TWO}
    servers = Servers({(ONE, BOB): down(Reason.TIMEOUT), (TWO, ANN): has(ANN)})
    assert await asking(servers, memory).lookup(BOB) == Outage("vks", Reason.TIMEOUT, "vks/by-email")
    servers.answers[TWO, BOB] = has(BOB)
    assert isinstance(await asking(servers, memory).lookup(BOB), Found)
