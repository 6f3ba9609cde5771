"""What is asked for in the background, when, and by whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.resolvers import DEFAULT, DOWN, ODD, Bench, bench
from lab.sources import DAY, NOW, fpr, key, read

from relay.daemon.jobs.key_refresh import AT_ONCE, DUTY, EARLY, MOST
from relay.keys.cached_answers import Lifetimes
from relay.model import Entry, Found, Origin, Unusable
from relay.store import Answer, Result

BOB = "bob@ville.example"
HOUR = 3600


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def test_a_fetched_key_is_asked_for_at_its_source_before_it_is_old_so_that_no_mail_waits(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(19 * HOUR)
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB]
    at.later(HOUR)
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB, BOB]
    assert at.ldap.asked == [BOB]
    at.later(23 * HOUR)
    await at.find(BOB)
    assert at.wkd.asked == [BOB, BOB]


async def test_a_fetched_key_is_asked_for_shortly_before_it_expires(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + 10 * HOUR)]
    await at.find(BOB)
    at.later(8 * HOUR)
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB]
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + DAY)]
    at.later(1.5 * HOUR)
    await at.key_refresh.round()
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB, BOB]
    at.later(HOUR)
    assert isinstance(await at.find(BOB), Found)
    assert at.wkd.asked == [BOB, BOB]


async def test_an_imported_key_is_renewed_by_its_fingerprint(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=NOW + DAY))
    at.wkd.shelf[BOB] = [key(2, BOB), key(1, BOB, expires=NOW + 90 * DAY)]
    await at.key_refresh.round()
    assert (at.ldap.asked, at.wkd.asked) == ([BOB], [BOB])
    entries = await at.entries(BOB)
    assert list(entries) == [fpr(1)]
    assert entries[fpr(1)].certificate.expires == NOW + 90 * DAY
    assert entries[fpr(1)].origin is Origin.IMPORTED


async def test_a_revocation_of_an_imported_key_is_found(at: Bench) -> None:
    await at.imported(key(1, BOB))
    at.ldap.shelf[BOB] = [key(1, BOB, revoked=True)]
    await at.key_refresh.round()
    assert isinstance(await at.find(BOB), Unusable)


async def test_an_answer_from_a_clock_ahead_does_not_keep_a_revocation_from_being_found(at: Bench) -> None:
    """It was due in the year 2057, and nobody asked for the key until then."""
    await at.imported(key(1, BOB))
    await at.store.answers.put([Answer(source, BOB, NOW + 9e8, Result.NOT_FOUND) for source in ("ldap", "wkd")])
    at.ldap.shelf[BOB] = [key(1, BOB, revoked=True)]
    await at.key_refresh.round()
    assert isinstance(await at.find(BOB), Unusable)


async def test_a_key_that_is_proposed_is_not_asked_for(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=NOW - DAY))
    at.wkd.shelf[BOB] = [key(2, BOB, "only@two.example")]
    await at.find(BOB)
    at.later(2 * DAY)
    await at.key_refresh.round()
    assert "only@two.example" not in at.wkd.asked


@pytest.mark.parametrize("reason", [DOWN, ODD])
async def test_a_source_that_does_not_answer_is_left_alone_for_a_while(at: Bench, reason: str) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.wkd.shelf[BOB] = reason
    at.later(2 * DAY)
    for _ in range(5):
        await at.key_refresh.round()
        at.later(60)
    assert len(at.wkd.asked) == 2
    at.later(600)
    await at.key_refresh.round()
    assert len(at.wkd.asked) == 3


async def test_rounds_that_asked_nobody_prolonged_the_outage_of_a_domain_that_was_back(at: Bench) -> None:
    """Each address of it that was due made the outage a new one, for all of them."""
    carol = "carol@ville.example"
    at.wkd.shelf |= {BOB: [key(1, BOB)], carol: [key(2, carol)]}
    for address in (BOB, carol):
        await at.find(address)
        at.later(30)
    keys = dict(at.wkd.shelf)
    at.wkd.shelf |= {BOB: DOWN, carol: DOWN}
    at.later(EARLY * DAY - 59)  # of the two, one is due
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB, carol, BOB]
    at.later(30)
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB, carol, BOB], "the domain is left alone while its outage counts"
    at.wkd.shelf |= keys
    at.later(DEFAULT.unavailable - 30)
    for address in (BOB, carol):
        assert isinstance(await at.find(address), Found)
    assert at.wkd.asked == [BOB, carol, BOB, BOB, carol]


async def test_a_domain_that_is_down_does_not_keep_the_others_from_their_turn(at: Bench) -> None:
    down = [f"u{n}@down.example" for n in range(MOST + 50)]
    await at.imported(*(key(n + 10, address) for n, address in enumerate(down)), key(1, "z@up.example"))
    at.wkd.shelf |= dict.fromkeys(down, DOWN)
    for _ in range(3):
        await at.key_refresh.round()
        at.later(61)
    assert "z@up.example" in at.wkd.asked
    assert len([a for a in at.wkd.asked if a in down]) <= 3 * AT_ONCE


async def test_few_lookups_at_once_so_that_mails_find_the_way_free(at: Bench) -> None:
    await at.imported(*(key(n + 1, f"u{n}@ville.example") for n in range(20)))
    at.wkd.gate = asyncio.Event()
    round_ = asyncio.create_task(at.key_refresh.round())
    await at.wkd.busy(AT_ONCE)
    at.wkd.gate.set()
    await round_
    assert (at.wkd.most_at_once, len(at.wkd.asked)) == (AT_ONCE, 20)


@pytest.mark.parametrize("asked", [NOW - 1, NOW + 1], ids=["stored after", "asked after"])
async def test_a_key_that_a_mail_is_just_fetching_is_not_asked_for_once_more(at: Bench, asked: float) -> None:
    await at.imported(key(1, "a@ville.example"), key(2, "b@ville.example"))
    await at.store.certificates.upsert([Entry(read(key(3, BOB)), Origin("wkd"), int(at.time))])
    at.wkd.gate = asyncio.Event()
    round_ = asyncio.create_task(at.key_refresh.round())
    await at.wkd.busy(AT_ONCE)
    at.later(2)
    await at.store.answers.put([Answer("wkd", BOB, asked, Result.FOUND, "wkd/advanced", fpr(3))])
    at.wkd.gate.set()
    await round_
    assert sorted(at.wkd.asked) == ["a@ville.example", "b@ville.example"]


async def test_one_process_at_a_time(at: Bench, tmp_path: Path) -> None:
    await at.imported(key(1, BOB))
    at.wkd.gate = asyncio.Event()
    async with bench(tmp_path) as other:
        first = asyncio.create_task(at.key_refresh.round())
        await at.wkd.busy(1)
        await other.key_refresh.round()
        assert other.wkd.asked == other.ldap.asked == []
        at.wkd.gate.set()
        await first
        other.later(DAY)
        await other.key_refresh.round()
        assert other.wkd.asked == [BOB]


async def test_a_process_that_died_at_it_is_followed_by_another(at: Bench) -> None:
    await at.imported(key(1, BOB))
    assert await at.store.leases.take(DUTY, 600)
    await at.key_refresh.round()
    assert at.wkd.asked == []
    at.later(601)
    await at.key_refresh.round()
    assert at.wkd.asked == [BOB]


async def test_an_address_that_is_not_written_as_it_is_stored_does_not_come_back_every_round(at: Bench) -> None:
    await at.imported(key(1, '"two words"@ville.example'))
    for _ in range(2):
        await at.key_refresh.round()
        at.later(60)
    due = await at.store.answers.get("wkd", ["two words@ville.example"])
    assert due["two words@ville.example"].result is Result.NOT_FOUND


async def test_what_is_remembered_has_bounds(at: Bench) -> None:
    rows = [Answer("wkd", f"u{n}@ville.example", NOW + n, Result.NOT_FOUND) for n in range(300)]
    await at.store.answers.put(rows)
    await at.store.answers.prune(NOW + 100, most=50)
    left = await at.store.answers.get("wkd", [row.address for row in rows])
    assert sorted(left) == sorted(f"u{n}@ville.example" for n in range(250, 300))


async def test_old_answers_are_taken_out_by_the_round(tmp_path: Path) -> None:
    async with bench(tmp_path, lifetimes=Lifetimes(60, 60, 60)) as at:
        await at.find(BOB)
        at.later(3 * DAY)
        await at.key_refresh.round()
        assert await at.store.answers.get("wkd", [BOB]) == {}
