"""Keys that came with mail are looked at behind the mails, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from lab.waiting import until
from structlog.testing import capture_logs

from relay.daemon.harvest import MOST_WAITING, HarvestQueue
from relay.model import Address
from relay.model.errors import StoreError
from relay.model.harvest import CarriedKey, Outcome

KEY = CarriedKey(Address("bob@ville.example"), b"", "ville.example", 0.0, frozenset())


@dataclass
class Taker:
    """Takes a key each time it is let."""

    outcomes: list[Outcome | Exception]
    let: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    begun: int = 0
    at_once: int = 0

    async def take(self, key: CarriedKey) -> Outcome:
        assert key is KEY
        self.begun += 1
        self.at_once += 1
        assert self.at_once == 1, "two at a time"
        await self.let.acquire()
        self.at_once -= 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
async def taker() -> Taker:
    return Taker([])


@pytest.fixture
async def queue(taker: Taker) -> AsyncIterator[HarvestQueue]:
    made = HarvestQueue(taker.take)
    yield made
    await made.close()


async def test_what_fails_is_told_and_the_next_key_is_looked_at(taker: Taker, queue: HarvestQueue) -> None:
    taker.outcomes = [StoreError("the store does not answer"), ValueError("canary"), Outcome.PROPOSED]
    with capture_logs() as logs:
        for mail in ("m1", "m2", "m3"):
            assert queue.offer(KEY, mail)
            taker.let.release()
        await until(lambda: not taker.outcomes)
        await until(lambda: len(logs) == 5)
    told = [(log["id"], log["result"]) for log in logs if log["event"] == "harvested"]
    assert told == [("m1", Outcome.FAILED), ("m2", Outcome.FAILED), ("m3", Outcome.PROPOSED)]
    assert "canary" not in str(logs)


async def test_a_mail_never_waits_and_what_is_too_much_is_not_looked_at(taker: Taker, queue: HarvestQueue) -> None:
    assert queue.offer(KEY, "first")
    await until(lambda: taker.begun == 1)
    taken = [queue.offer(KEY, f"{n}") for n in range(MOST_WAITING + 1)]
    assert taken == [True] * MOST_WAITING + [False]
    taker.outcomes = [Outcome.NOTED] * 2
    taker.let.release()
    await until(lambda: taker.begun == 2)
    assert queue.offer(KEY, "there is room again")


async def test_closed_while_it_looks_at_a_key_it_ends(taker: Taker) -> None:
    queue = HarvestQueue(taker.take)
    await queue.close()
    assert queue.offer(KEY, "m")
    await until(lambda: taker.begun == 1)
    await queue.close()
    assert len(asyncio.all_tasks()) == 1
