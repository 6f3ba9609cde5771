"""What is remembered of keys that came with mail, and its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from lab.synthetic import certificate

from relay.model import Address, Entry, Origin
from relay.model.harvest import CarriedKey, HarvestBounds, Outcome
from relay.policy.harvest import next_step
from relay.store import Store
from relay.store.sightings import DAY, KEPT

BOB = Address("bob@ville.example")
BOUNDS = HarvestBounds(open_proposals=2, domain=3, sightings=2, domain_sightings=6, all_sightings=8)


@dataclass
class Bench:
    store: Store
    time: float = 1_800_000_000.0
    mails: int = 0

    async def comes(self, fingerprint: str, address: Address = BOB) -> Outcome | None:
        """One more mail with this key, written now."""
        self.mails += 1
        key = CarriedKey(address, b"", address.domain, self.time, frozenset({str(self.mails)}))
        return await self.store.sightings.step(key, fingerprint, next_step, BOUNDS)

    async def confirmed(self, name: str, address: Address = BOB, *, proposed: bool = True) -> Outcome:
        """A key that two mails brought is stored."""
        self.time += 1
        await self.comes(certificate(name, address.text).fingerprint, address)
        key = CarriedKey(address, b"", address.domain, self.time, frozenset())
        entry = Entry(certificate(name, address.text), Origin.HARVESTED, 0, proposed)
        return await self.store.certificates.harvest(entry, key, BOUNDS)


@pytest.fixture
async def at(place: str) -> AsyncIterator[Bench]:
    made: list[Bench] = []
    async with await Store.open(place, clock=lambda: made[0].time) as store:
        made.append(Bench(store))
        yield made[0]


async def test_two_mails_a_day_apart_confirm_a_key_and_then_it_begins_anew(at: Bench) -> None:
    assert await at.comes("K") is Outcome.NOTED
    at.time += DAY - 1
    assert await at.comes("K") is Outcome.SOON
    at.time += 1
    assert await at.comes("K") is None
    at.time += 1
    assert await at.comes("K") is Outcome.SOON
    at.time += DAY
    assert await at.comes("K") is None


async def test_what_waits_is_bounded_by_address_by_domain_and_in_all(at: Bench) -> None:
    for name in ("A", "B", "C"):
        assert await at.comes(name) is Outcome.NOTED
        at.time += 1
    at.time += DAY
    assert await at.comes("C") is None
    at.time += 1
    assert await at.comes("A") is Outcome.NOTED, "the oldest of an address goes"

    others = [Address(f"{n}@other.example") for n in range(7)]
    outcomes = [await at.comes("K", address) for address in others]
    assert outcomes == [Outcome.NOTED] * 6 + [Outcome.BUDGET]
    assert await at.comes("K", Address("a@third.example")) is Outcome.NOTED
    assert await at.comes("K", Address("b@third.example")) is Outcome.BUDGET
    at.time += DAY + 1
    assert await at.comes("K", others[-1]) is Outcome.NOTED


async def test_an_address_has_so_many_open_proposals_and_a_domain_so_many_keys_a_day(at: Bench) -> None:
    eve, zoe = Address("eve@ville.example"), Address("zoe@ville.example")
    assert [await at.confirmed(name) for name in "abc"] == [Outcome.PROPOSED, Outcome.PROPOSED, Outcome.BUDGET]
    assert await at.confirmed("d", eve, proposed=False) is Outcome.USED
    assert await at.confirmed("e", zoe) is Outcome.BUDGET
    await at.store.certificates.reject(certificate("a", BOB.text).fingerprint)
    assert await at.confirmed("c") is Outcome.BUDGET, "a rejected one counts for its day"
    at.time += DAY + 1
    assert await at.confirmed("c") is Outcome.PROPOSED
    assert await at.confirmed("f") is Outcome.BUDGET


async def test_a_key_that_is_stored_meanwhile_is_left_alone(at: Bench) -> None:
    stored = Entry(certificate("a", BOB.text), Origin.IMPORTED, 1)
    await at.store.certificates.upsert([stored])
    assert await at.confirmed("a") is Outcome.KNOWN
    assert await at.store.certificates.by_address(BOB) == [stored]


async def test_what_waits_too_long_is_forgotten(at: Bench) -> None:
    await at.comes("K")
    at.time += KEPT + 1
    await at.comes("other", Address("eve@other.example"))
    assert await at.comes("K") is Outcome.NOTED


async def test_however_many_are_confirmed_at_once_the_bounds_hold(at: Bench) -> None:
    names = [f"k{n}" for n in range(6)]
    for name in names:
        at.time += 1
        await at.comes(certificate(name, BOB.text).fingerprint)
    key = CarriedKey(BOB, b"", BOB.domain, at.time, frozenset())
    entries = [Entry(certificate(name, BOB.text), Origin.HARVESTED, 0, proposed=True) for name in names]
    outcomes = await asyncio.gather(*(at.store.certificates.harvest(entry, key, BOUNDS) for entry in entries))
    assert sorted(outcomes) == [Outcome.BUDGET] * 4 + [Outcome.PROPOSED] * 2
