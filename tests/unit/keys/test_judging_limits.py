"""How many mailed keys are judged: of an address, of a domain, in all; in an hour, and at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import pytest
from lab.waiting import until

from relay.keys.judging_limits import HOUR, HourlyLimit, JudgingLimits, Places
from relay.model import Address
from relay.model.enrolment import Budget, Fate

MOST = Budget(address=2, domain=3, all=5)
BOB, ANN, EVE = Address("bob@ville.example"), Address("ann@ville.example"), Address("eve@evil.example")
FREE = Budget(99, 99, 99)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_hour_has_so_many_of_an_address_of_a_domain_and_in_all() -> None:
    limit = HourlyLimit(MOST, Clock())
    assert [limit.admits(BOB) for _ in range(3)] == [True, True, False]
    assert [limit.admits(ANN) for _ in range(2)] == [True, False]
    others = [limit.admits(Address(f"x@d{n}.example")) for n in range(3)]
    assert others == [True, True, False]


def test_what_was_refused_counts_for_nothing_and_an_hour_later_all_is_free_again() -> None:
    clock = Clock()
    limit = HourlyLimit(MOST, clock)
    assert [limit.admits(BOB) for _ in range(100)].count(True) == 2
    clock.now = HOUR / 2
    assert [limit.admits(ANN) for _ in range(100)].count(True) == 1
    clock.now = HOUR
    assert [limit.admits(BOB), limit.admits(BOB), limit.admits(BOB)] == [True, True, False]
    clock.now = 3 * HOUR
    assert limit.admits(ANN)


async def test_a_flood_of_a_domain_is_judged_one_after_the_other_and_another_domain_has_its_turn() -> None:
    limits = JudgingLimits(HourlyLimit(FREE), Places(MOST))
    let, at_once, judged = asyncio.Semaphore(0), [0, 0], list[str]()

    async def judge(name: str) -> str:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await let.acquire()
        at_once[0] -= 1
        judged.append(name)
        return name

    flood = [Address(f"b{n}@ville.example") for n in range(50)]
    tasks = [asyncio.create_task(limits.judged(one, partial(judge, one.text))) for one in flood]
    await until(lambda: sum(task.done() for task in tasks) == 47)
    other = asyncio.create_task(limits.judged(EVE, lambda: judge(EVE.text)))
    for _ in range(4):
        let.release()
    assert await other == EVE.text
    answers = [await task for task in tasks]
    assert answers.count(Fate.BUSY) == 47
    assert (len(judged), at_once[1]) == (4, 1)
    let.release()
    assert await limits.judged(BOB, lambda: judge("there is room again")) == "there is room again"


async def test_beyond_the_hour_nothing_is_judged() -> None:
    limits = JudgingLimits(HourlyLimit(Budget(1, 1, 1)), Places(FREE))
    assert await limits.judged(BOB, _nothing) is None
    assert await limits.judged(BOB, _unheard) is Fate.BUDGET


async def test_what_fails_gives_its_place_back() -> None:
    limits = JudgingLimits(HourlyLimit(FREE), Places(Budget(1, 1, 1)))
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            await limits.judged(BOB, _broken)
    assert await limits.judged(BOB, _nothing) is None


async def _nothing() -> None:
    return None


async def _broken() -> None:
    raise ValueError("broken")


async def _unheard() -> None:
    raise AssertionError("it was judged")
