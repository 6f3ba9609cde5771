"""`explain` says of every source what the search made of its answer: the real search, with sources on paper."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.resolvers import DOWN, Bench, bench
from lab.sources import DAY, NOW, fpr, key

from relay.admin.explain import Search
from relay.cli import lookup_report
from relay.cli.times import Look
from relay.model import Address

BOB = "bob@ville.example"
NEXT = "the next one is asked"
RENEWED = "never taken for “no key”, but another source may have it renewed"
NONE_LEFT = "no source is left"
WHOLE = Look(full=True, utc=True)


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def test_a_key_whose_source_is_not_asked_any_more_ends_the_search(at: Bench, tmp_path: Path) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await told(at)

    async with bench(tmp_path, order=("ldap",)) as later:
        assert (await told(later))[0] == f"keyring: has {fpr(1)}; usable, brought by wkd: the search ends"


async def told(at: Bench, *excused: str) -> list[str]:
    """The lines without their times, and what the search came to."""
    address, excuses = Address(BOB), frozenset(excused)
    lookup, answers = await at.resolver.explain(address, excuses)
    asked = {answer.source for answer in answers}
    search = Search(lookup, answers, [name for name in ("ldap", "wkd") if name not in asked], excuses)
    lines = [f"{label}: {text}" for label, text in lookup_report.steps(search, address, WHOLE)]
    lines.append(f"keys: {lookup_report.came_out(lookup, WHOLE)}")
    return [re.sub(r" \((?:[\d.]+ s|remembered from [^)]*)\)", "", line) for line in lines]


async def test_an_imported_key_ends_the_search_and_who_was_not_asked_is_named(at: Bench) -> None:
    await at.imported(key(1, BOB))

    assert (await told(at))[:2] == [f"keyring: has {fpr(1)}; usable: the search ends", "not asked: ldap, wkd"]


async def test_each_source_without_a_key_hands_on_and_the_last_has_nobody_to_hand_to(at: Bench) -> None:
    assert await told(at) == [
        f"keyring: has no key; {NEXT}",
        f"ldap/test: has no key; {NEXT}",
        f"wkd/test: has no key; {NONE_LEFT}",
        "keys: no source knows one",
    ]


async def test_what_a_source_has_is_named_by_its_method_and_judged(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]

    lines = await told(at)

    assert lines[2] == f"wkd/test: has {fpr(1)}; usable: the search ends"
    assert lines[3].startswith("certificate: made ")
    assert lines[3].endswith(f"; has a user id with {BOB}; not weak")
    assert lines[4].startswith(f"keys: {fpr(1)} by wkd/test (wkd), expires ")


async def test_a_key_that_a_source_brought_before_is_asked_for_again(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await told(at)

    assert (await told(at))[:3] == [
        f"keyring: has {fpr(1)}; usable, brought by wkd: it is asked whether it still has it",
        f"wkd/test: has {fpr(1)}; usable: the search ends",
        "not asked: ldap",
    ]


@pytest.mark.parametrize("now", [DOWN, []], ids=["down", "withdrawn"])
async def test_a_source_that_no_longer_has_it_leaves_the_stored_one_in_use(at: Bench, now: str | list[bytes]) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await told(at)
    at.later(2 * DAY)
    at.wkd.shelf[BOB] = now

    lines = await told(at)

    assert lines[0].startswith(f"keyring: has {fpr(1)}")
    assert lines[-1].startswith(f"keys: {fpr(1)} by wkd/test (wkd)")
    assert any(line.endswith(("what is stored stays in use", "usable: the search ends")) for line in lines[1:-2])


async def test_an_outage_ends_the_search(at: Bench) -> None:
    at.ldap.shelf[BOB] = DOWN

    assert await told(at) == [
        f"keyring: has no key; {NEXT}",
        f"ldap/test: cannot be asked: {DOWN}; an outage is never “no key”: the search ends",
        "not asked: wkd",
        f"keys: ldap cannot be asked: {DOWN}",
    ]


async def test_an_outage_that_the_rule_excuses_does_not(at: Bench) -> None:
    at.wkd.shelf[BOB] = DOWN

    lines = await told(at, "wkd")

    assert lines[2:] == [
        f"wkd/test: cannot be asked: {DOWN}; the rule's wkd_outage excuses it: {NONE_LEFT}",
        "keys: no source knows one",
    ]


async def test_an_expired_key_is_not_taken_for_none_and_a_new_one_beside_it_is_a_proposal(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=NOW - DAY))
    at.ldap.shelf[BOB] = [key(2, BOB)]

    assert await told(at) == [
        f"keyring: has {fpr(1)}, the key has expired; {RENEWED}: {NEXT}",
        f"ldap/test: has {fpr(2)}; only proposed beside the key that was imported (pgp-relay keys proposals): {NEXT}",
        f"wkd/test: has no key; {NONE_LEFT}",
        f"keys: {fpr(1)} by keyring, not used: the key has expired",
    ]


async def test_a_key_that_a_person_rejected_is_named_as_such(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=NOW - DAY))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await told(at)
    await at.store.certificates.reject(fpr(2))
    at.later(2 * DAY)

    assert (await told(at))[2] == f"wkd/test: has {fpr(2)}; not used here, the key is disabled: {NONE_LEFT}"
