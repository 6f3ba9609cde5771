"""Keys that came with mail are looked at behind the mails, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from lab.waiting import until
from structlog.testing import capture_logs

from relay.daemon.harvest import BOUNDS, HarvestQueue
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
        assert key.data == KEY.data
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
    most = BOUNDS.waiting.all
    taken = [queue.offer(of(f"bob@d{n}.example"), f"{n}") for n in range(most + 1)]
    assert taken == [True] * most + [False]
    taker.outcomes = [Outcome.NOTED] * 2
    taker.let.release()
    await until(lambda: taker.begun == 2)
    assert queue.offer(KEY, "there is room again")


async def test_no_address_and_no_domain_takes_all_places(taker: Taker, queue: HarvestQueue) -> None:
    assert queue.offer(of("first@else.example"), "first")
    await until(lambda: taker.begun == 1)
    most = BOUNDS.waiting
    of_address = [queue.offer(KEY, f"{n}") for n in range(most.address + 1)]
    assert of_address == [True] * most.address + [False]
    of_domain = [queue.offer(of(f"b{n}@ville.example"), f"{n}") for n in range(most.domain)]
    assert of_domain.count(True) == most.domain - most.address
    assert queue.offer(of("ann@other.example"), "another domain's")


def of(address: str) -> CarriedKey:
    return replace(KEY, address=Address(address))


async def test_closed_while_it_looks_at_a_key_it_ends(taker: Taker) -> None:
    queue = HarvestQueue(taker.take)
    await queue.close()
    assert queue.offer(KEY, "m")
    await until(lambda: taker.begun == 1)
    await queue.close()
    assert len(asyncio.all_tasks()) == 1
