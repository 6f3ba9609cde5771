"""Who may be asked for a key again, and who not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from lab.synthetic import NOW

from relay.model import Address
from relay.model.enrolment import Budget, Enrolment
from relay.store import Store

DAY = 86400.0
BOB, ANN = Address("bob@ville.example"), Address("ann@ville.example")
PLENTY = Budget(100, 100, 100)
TOKEN = "0" * 64


@dataclass
class Clock:
    time: float = NOW
    seen: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(place: str, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(place, clock=clock) as opened:
        yield opened


async def test_once_a_week_three_times_and_then_not_for_ninety_days(store: Store, clock: Clock) -> None:
    invited: list[int] = []
    for day in range(200):
        clock.time = NOW + day * DAY
        if await store.invitations.begin(BOB, TOKEN, PLENTY):
            invited.append(day)
    assert invited == [0, 7, 14, 104, 111, 118]


async def test_who_gave_a_key_counts_anew(store: Store, clock: Clock) -> None:
    for day in (0, 7, 14):
        clock.time = NOW + day * DAY
        assert await store.invitations.begin(BOB, TOKEN, PLENTY)
    await store.invitations.answered(BOB)
    assert await store.invitations.begin(BOB, TOKEN, PLENTY)


async def test_who_said_not_me_is_never_invited_again(store: Store, clock: Clock) -> None:
    assert await store.invitations.begin(BOB, TOKEN, PLENTY)
    assert await store.invitations.asked(BOB)
    assert await store.invitations.refuse("1" * 64) is None
    assert await store.invitations.refuse(TOKEN) == BOB
    assert not await store.invitations.asked(BOB)
    await store.invitations.answered(BOB)
    for year in range(1, 30):
        clock.time = NOW + year * 365 * DAY
        assert not await store.invitations.begin(BOB, "2" * 64, PLENTY)


async def test_an_invitation_that_did_not_leave_counts_for_nothing(store: Store, clock: Clock) -> None:
    assert await store.invitations.begin(BOB, TOKEN, PLENTY)
    await store.invitations.take_back(BOB, TOKEN)
    assert not await store.invitations.asked(BOB)
    assert await store.invitations.begin(BOB, TOKEN, PLENTY)
    clock.time += 8 * DAY
    assert not await store.invitations.asked(BOB)


async def test_a_domain_and_all_together_have_a_budget_of_a_day(store: Store, clock: Clock) -> None:
    people = [Address(f"p{n}@ville.example") for n in range(4)]
    other = [Address(f"p{n}@autre.example") for n in range(4)]
    budget = Budget(9, 2, 3)
    assert [await store.invitations.begin(one, TOKEN, budget) for one in people] == [True, True, False, False]
    assert [await store.invitations.begin(one, TOKEN, budget) for one in other] == [True, False, False, False]
    clock.time += DAY + 1
    assert await store.invitations.begin(people[2], TOKEN, budget)


def enrolment(number: int, address: Address, at: float) -> Enrolment:
    return Enrolment(f"{number:064x}", address, "F", b"key", at, at + 2 * DAY)


async def test_challenges_have_a_budget_for_an_address_a_domain_and_in_all(store: Store, clock: Clock) -> None:
    async def begun(number: int, text: str) -> bool:
        return await store.enrolments.begin(enrolment(number, Address(text), clock.time), Budget(2, 3, 4))

    assert [await begun(n, "bob@ville.example") for n in range(3)] == [True, True, False]
    assert [await begun(10 + n, f"p{n}@ville.example") for n in range(2)] == [True, False]
    assert [await begun(20 + n, f"p{n}@autre.example") for n in range(2)] == [True, False]
    assert await store.enrolments.open(f"{2:064x}") is None, "what was beyond the budget was kept"
    clock.time += DAY + 1
    assert await begun(30, "bob@ville.example")


async def test_a_challenge_is_open_until_it_is_answered_replaced_or_over(store: Store, clock: Clock) -> None:
    for number in (1, 2):
        await store.enrolments.begin(enrolment(number, BOB, clock.time), PLENTY)
    await store.enrolments.begin(enrolment(3, ANN, clock.time), PLENTY)
    assert await store.enrolments.open(f"{1:064x}") is None, "a later challenge for the address is there"
    found = await store.enrolments.open(f"{2:064x}")
    assert found is not None
    assert (found.address, found.certificate) == (BOB, b"key")
    await store.enrolments.close(f"{2:064x}")
    assert await store.enrolments.open(f"{2:064x}") is None
    clock.time += 2 * DAY
    assert await store.enrolments.open(f"{3:064x}") is None
