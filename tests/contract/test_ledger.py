"""`relay.pipeline.ports.Ledger`: every implementation passes this."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from relay.pipeline.ports import Ledger
from relay.store import Network, Store


@pytest.fixture
async def ledger(place: str) -> AsyncIterator[Ledger]:
    async with await Store.open(place, network=Network("alpha")) as store:
        yield store.ledger


async def test_nobody_is_served_at_first(ledger: Ledger) -> None:
    assert await ledger.served(b"t") == frozenset()


async def test_recorded_are_served_in_their_transaction_alone(ledger: Ledger) -> None:
    await ledger.record(b"t", ["a@x", "b@x"])
    await ledger.record(b"t", ["b@x", "c@x"])
    assert await ledger.served(b"t") == {"a@x", "b@x", "c@x"}
    assert await ledger.served(b"u") == frozenset()


async def test_forgotten_are_not_served_and_the_others_still_are(ledger: Ledger) -> None:
    await ledger.record(b"t", ["a@x", "b@x"])
    await ledger.record(b"u", ["a@x"])
    await ledger.forget(b"t", ["a@x", "nobody@x"])
    assert await ledger.served(b"t") == {"b@x"}
    assert await ledger.served(b"u") == {"a@x"}


async def test_nothing_recorded_or_forgotten_is_no_error(ledger: Ledger) -> None:
    await ledger.record(b"t", [])
    await ledger.forget(b"t", [])
    assert await ledger.served(b"t") == frozenset()


async def test_odd_octets_in_a_recipient_come_back_as_they_were(ledger: Ledger) -> None:
    odd = ["j\udcfcrgen@x", "", "'; --@x", "ü@x"]
    await ledger.record(b"\x00\xff", odd)
    assert await ledger.served(b"\x00\xff") == set(odd)


async def test_many_at_once_all_count(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.record(b"%d" % (n % 5), [f"{n}@x"]) for n in range(200)))
    served = [await ledger.served(b"%d" % n) for n in range(5)]
    assert sum(map(len, served)) == 200
