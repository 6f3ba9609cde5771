"""Which certificate of an address is used, by its origin and its state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.resolvers import DOWN, Bench, bench
from lab.sources import DAY, NOW, fpr, key, read

from relay.model import Entry, Found, NotFound, Origin, Outage, Unusable, Why
from relay.store import Answer, Result

BOB = "bob@ville.example"
RANKS = [
    Origin.IMPORTED,
    Origin.ENROLLED,
    Origin.AUTHORITY,
    Origin.WKD,
    Origin.VKS,
    Origin.HARVESTED,
]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def store(at: Bench, origin: Origin, number: int, *, expired: bool = False, proposed: bool = False) -> None:
    data = key(number, BOB, expires=NOW - DAY if expired else None)
    await at.store.certificates.upsert([Entry(read(data), origin, int(at.time), proposed)])
    if origin is Origin.AUTHORITY:  # a source has it, and those who vouch have not changed since
        await at.store.answers.put([Answer("wkd", BOB, at.time, Result.FOUND, "wkd", fpr(number))])


@pytest.mark.parametrize(("better", "worse"), [(b, w) for n, b in enumerate(RANKS) for w in RANKS[n + 1 :]])
async def test_a_usable_one_of_the_better_origin_is_used(at: Bench, better: Origin, worse: Origin) -> None:
    await store(at, worse, 2)
    await store(at, better, 1)
    found = await at.find(BOB)
    assert isinstance(found, Found)
    assert (found.origin, found.certificate.fingerprint) == (better, fpr(1))


@pytest.mark.parametrize("origin", RANKS)
async def test_a_proposed_one_is_never_used(at: Bench, origin: Origin) -> None:
    await store(at, Origin.IMPORTED, 1)
    await store(at, origin, 2, proposed=True)
    found = await at.find(BOB)
    assert isinstance(found, Found)
    assert found.certificate.fingerprint == fpr(1)


@pytest.mark.parametrize("origin", RANKS[:-1])
async def test_an_unusable_one_is_never_no_key(at: Bench, origin: Origin) -> None:
    await store(at, origin, 1, expired=True)
    found = await at.find(BOB)
    assert isinstance(found, Unusable)
    assert found.why is Why.EXPIRED


async def test_an_unusable_one_that_came_with_mail_is_as_if_there_were_none(at: Bench) -> None:
    await store(at, Origin.HARVESTED, 1, expired=True)
    assert isinstance(await at.find(BOB), NotFound)


@pytest.mark.parametrize("origin", [Origin.VKS, Origin.HARVESTED])
async def test_better_sources_are_asked_although_one_of_the_last_ones_is_stored(at: Bench, origin: Origin) -> None:
    await store(at, origin, 2)
    at.wkd.shelf[BOB] = [key(1, BOB)]
    found = await at.find(BOB)
    assert isinstance(found, Found)
    assert (found.origin, found.certificate.fingerprint) == (Origin.WKD, fpr(1))


async def test_while_a_source_is_down_a_keyservers_key_is_used_and_one_that_came_with_mail_is_not(at: Bench) -> None:
    at.ldap.shelf[BOB] = DOWN
    await store(at, Origin.HARVESTED, 2)
    assert isinstance(await at.find(BOB), Outage)
    await store(at, Origin.VKS, 1)
    found = await at.find(BOB)
    assert isinstance(found, Found)
    assert found.origin is Origin.VKS


async def test_one_that_came_with_mail_does_not_hide_that_a_source_has_a_revoked_key(at: Bench) -> None:
    await store(at, Origin.HARVESTED, 2)
    at.wkd.shelf[BOB] = [key(1, BOB, revoked=True)]
    found = await at.find(BOB)
    assert isinstance(found, Unusable)
    assert found.why is Why.REVOKED
