"""The end of pick-ups: who is told, what is deleted, and what is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from lab.fakes import FakeOutlet
from lab.pickup_fakes import FakePeople, FakeService

from relay.daemon.jobs.pickup_ends import DAY, PickupEnds
from relay.mail.notice_texts import Language
from relay.mail.pickup_letters import PickupLetters
from relay.model import Address, Mailbox
from relay.model.pickup import Pickup, PickupState
from relay.store import Store

NOW = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
DOCTOR = "a@here.example"
LETTERS = PickupLetters(Language.EN, Mailbox.parse("x@here.example"), "Us", "relay.example", "https://u", None, None)
ONE = Pickup("1" * 32, b"d", Address("p@there.example"), Address(DOCTOR), NOW - 28 * DAY, NOW + 2 * DAY, 9, b"p" * 32)
ACTIVE = replace(ONE, state=PickupState.ACTIVE)


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Bench:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.service, self.outlet = FakeService(), FakeOutlet()
        self.ends = PickupEnds(
            store.pickups, self.service, FakePeople(), LETTERS, self.outlet, store.leases, 10 * DAY, clock
        )

    async def round(self, days: float = 0.0) -> list[str]:
        """The subjects of what was sent in a round so many days later."""
        self.clock.now += days * DAY + 61
        self.outlet.sent.clear()
        await self.ends.round()
        return [message_from_bytes(c, policy=policy.default)["Subject"] for _, c in self.outlet.sent]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = Clock()
    async with await Store.open(tmp_path / "store.db", clock=clock) as store:
        yield Bench(store, clock)


async def test_the_sender_is_told_once_three_days_before_and_once_at_the_end(bench: Bench) -> None:
    await bench.store.pickups.put(ACTIVE)
    await bench.service.put(ACTIVE, b"x")

    assert await bench.round() == ["Your mail has not been read yet"]
    assert await bench.round() == []
    assert await bench.round(2) == ["Your mail was never read"]
    assert not bench.service.stored
    assert (await bench.store.pickups.get(ONE.id)) == replace(ACTIVE, state=PickupState.EXPIRED, warned=True)
    assert await bench.round(11) == []
    assert await bench.store.pickups.get(ONE.id) is None


@pytest.mark.parametrize(
    "one",
    [
        replace(ACTIVE, opened=NOW - DAY),
        replace(ACTIVE, sender=None),
        replace(ACTIVE, sender=Address("left@here.example")),
        ONE,
    ],
    ids=["opened", "null sender", "no such person", "never activated"],
)
async def test_nobody_is_told_of_the_others_and_they_are_deleted_too(bench: Bench, one: Pickup) -> None:
    await bench.store.pickups.put(one)
    await bench.service.put(one, b"x")
    assert await bench.round() == []
    assert await bench.round(2) == []
    assert not bench.service.stored


async def test_one_that_is_kept_for_a_day_is_not_warned_of(bench: Bench) -> None:
    await bench.store.pickups.put(replace(ACTIVE, created=NOW - 1, expires=NOW + DAY))
    assert await bench.round() == []
