"""What is known of a key is not forgotten when its source has it no more: that would be "no key", and a clear mail."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.resolvers import DOWN, Bench, bench
from lab.sources import DAY, NOW, Directory, fpr, key

from relay.model import Found, Lookup, NotFound, Origin, Unusable, Why

BOB = "bob@ville.example"
TAGGED = "bob+news@ville.example"
LISTED = pytest.mark.parametrize("listed", [True, False], ids=["keyring listed", "sources alone"])
SOURCE = pytest.mark.parametrize("source", ["ldap", "wkd"])
GONE: dict[str, list[bytes] | str] = {"no key": [], "an outage": DOWN}

REVOKED = key(1, BOB, revoked=True)
EXPIRED = key(1, BOB, expires=NOW - DAY)
UNREADABLE = Unusable(Why.INVALID, "", Origin.WKD, "wkd", "wkd/test")


def shelf(at: Bench, source: str) -> Directory:
    return at.ldap if source == "ldap" else at.wkd


async def later(at: Bench, *excused: str) -> list[Lookup]:
    """What is answered over three days: from memory, by background renewal, and when nothing is remembered."""
    answers = []
    for hours in (0, 0.5, 2, 24, 48):
        at.later(hours * 3600)
        answers.append(await at.find(BOB, *excused))
        await at.key_refresh.round()
        await at.store.answers.prune(at.time - DAY)
    return answers


@LISTED
@SOURCE
@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize(("state", "why"), [(REVOKED, Why.REVOKED), (EXPIRED, Why.EXPIRED)], ids=["revoked", "expired"])
async def test_a_key_that_must_not_be_used_stays_when_its_source_has_it_no_more(  # noqa: PLR0913  a table
    tmp_path: Path, source: str, state: bytes, why: Why, gone: str, *, listed: bool
) -> None:
    async with bench(tmp_path, listed=listed) as at:
        shelf(at, source).shelf[BOB] = [state]
        await at.find(BOB)
        shelf(at, source).shelf[BOB] = GONE[gone]
        for answer in await later(at, source):
            assert isinstance(answer, Unusable)
            assert (answer.why, answer.fingerprint) == (why, fpr(1))
    async with bench(tmp_path, listed=listed) as restarted:
        restarted.later(9 * DAY)
        shelf(restarted, source).shelf[BOB] = GONE[gone]
        assert isinstance(await restarted.find(BOB, source), Unusable)


@LISTED
@SOURCE
@pytest.mark.parametrize("gone", GONE)
async def test_a_good_key_stays_in_use_when_its_source_has_it_no_more(
    tmp_path: Path, source: str, gone: str, *, listed: bool
) -> None:
    """With `sources: [wkd]` alone, a page that was taken away made the next mail clear."""
    async with bench(tmp_path, listed=listed) as at:
        shelf(at, source).shelf[BOB] = [key(1, BOB, expires=NOW + 60 * DAY)]
        await at.find(BOB)
        shelf(at, source).shelf[BOB] = GONE[gone]
        for answer in await later(at, source):
            assert isinstance(answer, Found)
        at.later(60 * DAY)
        for answer in await later(at, source):
            assert isinstance(answer, Unusable)
            assert answer.why is Why.EXPIRED


@LISTED
async def test_nor_is_a_key_that_nobody_here_can_read(tmp_path: Path, *, listed: bool) -> None:
    async with bench(tmp_path, listed=listed) as at:
        at.wkd.shelf[BOB] = UNREADABLE
        await at.find(BOB)
        at.wkd.shelf[BOB] = []
        for answer in await later(at, "wkd"):
            assert isinstance(answer, Unusable)
        at.wkd.shelf[BOB] = [key(2, BOB)]
        at.later(2 * 3600)
        assert isinstance(await at.find(BOB), Found)


@LISTED
@SOURCE
async def test_it_stands_in_the_store_like_an_imported_one_and_removing_it_is_the_way_out(
    tmp_path: Path, source: str, *, listed: bool
) -> None:
    async with bench(tmp_path, listed=listed) as at:
        shelf(at, source).shelf[BOB] = [REVOKED]
        await at.find(BOB)
        (entry,) = (await at.entries(BOB)).values()
        assert (entry.origin.value, entry.proposed) == (source, False)
        shelf(at, source).shelf[BOB] = []
        await at.store.certificates.remove(fpr(1))
        assert isinstance(await at.find(BOB), NotFound)


@LISTED
async def test_a_key_that_was_imported_after_a_source_had_brought_it_counts_without_that_source(
    tmp_path: Path, *, listed: bool
) -> None:
    async with bench(tmp_path, listed=listed) as at:
        at.wkd.shelf[BOB] = [key(1, BOB)]
        await at.find(BOB)
        await at.imported(key(1, BOB))
        at.wkd.shelf[BOB] = []
        for answer in await later(at, "wkd"):
            assert isinstance(answer, Found)


async def test_a_proposal_counts_once_the_imported_key_is_removed_also_where_its_source_has_it_no_more(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as at:
        await at.imported(key(1, BOB, expires=NOW - DAY))
        at.wkd.shelf[BOB] = [key(2, BOB)]
        assert isinstance(await at.find(BOB), Unusable)
        at.wkd.shelf[BOB] = []
        at.later(2 * DAY)
        await at.store.certificates.remove(fpr(1))
        answer = await at.find(BOB)
        assert isinstance(answer, Found)
        assert answer.certificate.fingerprint == fpr(2)
        assert not (await at.entries(BOB))[fpr(2)].proposed


async def test_a_rejected_key_is_not_no_key_where_its_source_has_it_no_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.imported(key(1, BOB, expires=NOW - DAY))
        at.wkd.shelf[BOB] = [key(2, BOB)]
        await at.find(BOB)
        await at.store.certificates.reject(fpr(2))
        at.wkd.shelf[BOB] = []
        at.later(2 * DAY)
        await at.find(BOB)
        await at.store.certificates.remove(fpr(1))
        for answer in await later(at, "wkd"):
            assert isinstance(answer, Unusable)
            assert answer.why is Why.DISABLED


async def test_a_key_that_its_directory_disabled_stays_disabled_and_can_be_enabled_there(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        good = key(1, BOB)
        at.ldap.shelf[BOB] = [good]
        await at.find(BOB)
        at.ldap.disabled.add(BOB)
        at.later(2 * DAY)
        assert isinstance(await at.find(BOB), Unusable)
        at.wkd.shelf["robert@ville.example"] = [key(1, "robert@ville.example", BOB, expires=NOW + 90 * DAY)]
        await at.find("robert@ville.example")
        at.ldap.shelf[BOB] = []
        for answer in await later(at, "ldap"):
            assert isinstance(answer, Unusable)
            assert answer.why is Why.DISABLED
        at.ldap.shelf[BOB] = [good]
        at.ldap.disabled.clear()
        at.later(2 * DAY)
        assert isinstance(await at.find(BOB), Found)


async def test_an_unusable_key_takes_no_usable_one_of_the_same_source_away(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.wkd.shelf[BOB] = [key(1, BOB)]
        await at.find(BOB)
        at.wkd.shelf[BOB] = [key(2, BOB, revoked=True)]
        at.later(2 * DAY)
        answer = await at.find(BOB)
        assert isinstance(answer, Found)
        assert answer.certificate.fingerprint == fpr(1)


async def test_an_unusable_key_is_not_proposed_beside_an_imported_one(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.imported(EXPIRED)
        at.wkd.shelf[BOB] = [key(2, BOB, revoked=True)]
        await at.find(BOB)
        assert list(await at.entries(BOB)) == [fpr(1)]


async def test_an_address_with_a_tag_is_answered_by_the_key_without_it_whatever_it_had_before(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.wkd.shelf[TAGGED] = [key(1, TAGGED)]
        at.wkd.shelf[BOB] = [key(2, BOB)]
        await at.find(TAGGED)
        at.wkd.shelf[TAGGED] = []
        at.later(2 * DAY)
        await at.find(TAGGED)
        await at.store.certificates.remove(fpr(1))
        answer = await at.find(TAGGED)
        assert isinstance(answer, Found)
        assert answer.certificate.fingerprint == fpr(2)


async def test_a_key_that_is_stored_while_it_must_not_be_used_counts_once_it_is_renewed(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        at.wkd.shelf[BOB] = [EXPIRED]
        await at.find(BOB)
        at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + 90 * DAY)]
        at.later(2 * DAY)
        assert isinstance(await at.find(BOB), Found)
