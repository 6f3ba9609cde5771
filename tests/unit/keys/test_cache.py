"""What sources answered counts for its time, in all processes and over restarts; outages for all they concern."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.resolvers import DOWN, ODD, Bench, bench
from lab.sources import NOW, fpr, key

from relay.model import Address, Found, NotFound, Outage, Unusable
from relay.store import Answer, Result

BOB = "bob@ville.example"
CAROL = "carol@ville.example"
HOUR = 3600


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, order=("wkd",)) as made:
        yield made


@pytest.mark.parametrize(
    ("shelf", "result", "seconds"),
    [([], NotFound, HOUR), (ODD, Outage, 60), (DOWN, Outage, 60)],
    ids=["not found", "unavailable", "domain unavailable"],
)
async def test_an_answer_counts_for_its_time(at: Bench, shelf: list[bytes] | str, result: type, seconds: float) -> None:
    at.wkd.shelf[BOB] = shelf
    assert isinstance(await at.find(BOB), result)
    at.later(seconds - 1)
    assert isinstance(await at.find(BOB), result)
    assert at.wkd.asked == [BOB]
    at.wkd.shelf[BOB] = [key(1, BOB)]
    at.later(2)
    assert isinstance(await at.find(BOB), Found)


async def test_a_key_that_must_not_be_used_counts_as_long_as_none(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB, revoked=True)]
    await at.find(BOB)
    at.later(HOUR - 1)
    await at.find(BOB)
    assert at.wkd.asked == [BOB]
    at.later(2)
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert isinstance(await at.find(BOB), Found)


async def test_answers_are_shared_by_processes_and_kept_over_restarts(at: Bench, tmp_path: Path) -> None:
    at.wkd.shelf |= {BOB: [key(1, BOB)], "odd@ville.example": ODD}
    for address in (BOB, CAROL, "odd@ville.example"):
        await at.find(address)
    async with bench(tmp_path, order=("wkd",)) as other:
        for address, result in ((BOB, Found), (CAROL, NotFound), ("odd@ville.example", Outage)):
            assert isinstance(await other.find(address), result)
        assert other.wkd.asked == []


async def test_a_domain_that_is_down_is_asked_once_a_minute_whoever_is_written_to(at: Bench) -> None:
    everybody = [f"u{n}@ville.example" for n in range(20)]
    at.wkd.shelf |= dict.fromkeys(everybody, DOWN)
    for address in everybody:
        assert isinstance(await at.find(address), Outage)
    assert at.wkd.asked == everybody[:1]
    at.wkd.shelf |= {address: [key(n + 1, address)] for n, address in enumerate(everybody)}
    at.later(61)
    assert all([isinstance(await at.find(address), Found) for address in everybody])


async def test_an_outage_of_one_domain_is_none_of_another(at: Bench) -> None:
    at.wkd.shelf |= {BOB: DOWN, "bob@elsewhere.example": [key(1, "bob@elsewhere.example")]}
    await at.find(BOB)
    assert isinstance(await at.find("bob@elsewhere.example"), Found)


async def test_an_odd_answer_for_one_address_is_none_of_the_domain(at: Bench) -> None:
    at.wkd.shelf |= {BOB: ODD, CAROL: [key(1, CAROL)]}
    await at.find(BOB)
    assert isinstance(await at.find(CAROL), Found)


async def test_those_who_wait_at_a_domain_learn_of_its_outage_from_the_first(at: Bench) -> None:
    known = asyncio.Event()

    async def answer(address: Address) -> Outage:
        await (known if address.key == BOB else asyncio.Event()).wait()
        return Outage("wkd", DOWN)

    at.wkd._lookup = answer  # type: ignore[method-assign]  # all but the first never get an answer
    searches = [asyncio.create_task(at.find(address)) for address in (BOB, *(f"u{n}@ville.example" for n in range(99)))]
    await at.wkd.busy(100)
    known.set()
    answers = await asyncio.gather(*searches)
    assert {(answer.source, answer.reason) for answer in answers if isinstance(answer, Outage)} == {("wkd", DOWN)}
    assert len(answers) == 100, "and none at its own deadline"
    assert at.wkd.at_once == 0, "nobody is still asking"


async def test_an_address_is_not_asked_for_again_by_who_looked_just_before_it_was_answered(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]

    async def at_some_moment(n: int) -> None:
        await asyncio.sleep(n / 5000)
        assert isinstance(await at.find(BOB), Found)

    await asyncio.gather(*(at_some_moment(n) for n in range(200)))
    assert at.wkd.asked == [BOB]


async def test_upkeep_and_a_mail_at_the_same_moment_ask_once(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(25 * HOUR)
    at.wkd.gate = asyncio.Event()
    mail = asyncio.create_task(at.find(BOB))
    await at.wkd.busy(1)
    key_refresh = asyncio.create_task(at.key_refresh.round())
    await asyncio.sleep(0.1)  # it would be asking by now
    at.wkd.gate.set()
    await asyncio.gather(mail, key_refresh)
    assert at.wkd.asked == [BOB, BOB]


@pytest.mark.alone
async def test_a_remembered_outage_costs_a_mail_under_five_milliseconds(at: Bench) -> None:
    at.wkd.shelf[BOB] = DOWN
    await at.find(BOB)
    took = []
    for n in range(200):
        begun = time.process_time()  # other programs come first
        await at.find(f"u{n}@ville.example")
        took.append(time.process_time() - begun)
    took.sort()
    print(f"median {took[100] * 1000:.2f} ms, p95 {took[190] * 1000:.2f} ms")
    assert took[100] < 0.005


async def test_an_outage_keeps_how_a_key_was_found(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.wkd.shelf[BOB] = DOWN
    at.later(25 * HOUR)
    await at.find(BOB)
    row = (await at.store.answers.get("wkd", [BOB]))[BOB]
    assert (row.result, row.fingerprint, row.method) == (Result.UNAVAILABLE, fpr(1), "wkd/test")


@pytest.mark.parametrize(
    ("held", "result"), [(key(1, BOB), Found), (key(1, BOB, revoked=True), Unusable)], ids=["found", "unusable"]
)
async def test_a_worker_that_meets_an_outage_takes_no_answer_away_that_another_one_had_meanwhile(
    at: Bench, tmp_path: Path, held: bytes, result: type
) -> None:
    """Where a rule excuses the outage, "no key" would be a clear mail."""
    async with bench(tmp_path, order=("wkd",)) as other:
        other.wkd.shelf[BOB] = DOWN
        other.wkd.gate = asyncio.Event()
        waiting = asyncio.create_task(other.find(BOB, "wkd"))
        await other.wkd.busy(1)
        at.wkd.shelf[BOB] = [held]
        assert isinstance(await at.find(BOB), result)
        other.wkd.gate.set()
        assert isinstance(await waiting, result)
        assert isinstance(await at.find(BOB, "wkd"), result)
        row = (await at.store.answers.get("wkd", [BOB]))[BOB]
        assert row.fingerprint == fpr(1)


async def test_what_stands_for_a_domain_that_is_down_is_an_outage_also_after_a_key_that_must_not_be_used(
    at: Bench,
) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB, revoked=True)]
    await at.find(BOB)
    at.wkd.shelf[BOB] = DOWN
    at.later(2 * HOUR)
    assert isinstance(await at.find(BOB), Unusable)
    assert await at.find(CAROL) == Outage("wkd", DOWN, "wkd/test")


async def test_an_answer_from_a_clock_that_ran_ahead_does_not_count(at: Bench) -> None:
    await at.store.answers.put([Answer("wkd", BOB, NOW + 10 * HOUR, Result.NOT_FOUND)])
    at.wkd.shelf[BOB] = [key(1, BOB)]
    assert isinstance(await at.find(BOB), Found)


async def test_an_address_is_remembered_whatever_octets_it_has(at: Bench) -> None:
    odd = b'"\xff\xfe \'; DROP TABLE answer; --"@ville.example'.decode("utf-8", "surrogateescape")
    for _ in range(2):
        assert isinstance(await at.find(odd), NotFound)
    assert len(at.wkd.asked) == 1
