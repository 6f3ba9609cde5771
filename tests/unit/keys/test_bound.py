"""Bindings on the way of a lookup: which one counts, and that all of its keys are used or none."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.resolvers import Bench, bench
from lab.sources import DAY, NOW, fpr, key, read

from relay.model import Entry, Found, NotFound, Origin, Unusable, Why
from relay.model.binding import Binding

BOB = "bob@ville.example"
GATEWAY, SECOND = 90, 91


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.imported(key(GATEWAY, "gateway@partner.example"), key(SECOND, "second@partner.example"))
        yield made


async def bind(at: Bench, pattern: str, *numbers: int) -> None:
    await at.store.bindings.put([Binding(pattern, tuple(map(fpr, numbers)))])


async def found(at: Bench, address: str) -> tuple[str, list[str]]:
    lookup = await at.find(address)
    assert isinstance(lookup, Found), lookup
    return lookup.binding, [certificate.fingerprint for certificate in lookup.certificates]


async def test_mail_to_a_bound_domain_is_encrypted_to_all_of_its_keys_and_nobody_is_asked(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await bind(at, "*@ville.example", GATEWAY, SECOND)
    assert await found(at, BOB) == ("*@ville.example", [fpr(GATEWAY), fpr(SECOND)])
    assert at.ldap.asked == at.wkd.asked == []


async def test_an_imported_key_of_the_address_comes_first_then_its_binding_then_the_longest_domain(at: Bench) -> None:
    address = "bob@a.b.ville.example"
    await bind(at, "*@*.example", GATEWAY)
    assert await found(at, address) == ("*@*.example", [fpr(GATEWAY)])
    for pattern in ("*@*.ville.example", "*@*.b.ville.example", "*@a.b.ville.example", address):
        await bind(at, pattern, SECOND)
        assert await found(at, address) == (pattern, [fpr(SECOND)])
    await at.imported(key(1, address))
    assert await found(at, address) == ("", [fpr(1)])


async def test_names_below_do_not_include_the_name_itself(at: Bench) -> None:
    await bind(at, "*@*.ville.example", GATEWAY)
    assert isinstance(await at.find(BOB), NotFound)
    assert isinstance(await at.find("bob@notville.example"), NotFound)


async def test_an_imported_key_that_must_not_be_used_is_not_passed_over_for_a_binding(at: Bench) -> None:
    await at.imported(key(1, BOB, revoked=True))
    await bind(at, "*@ville.example", GATEWAY)
    lookup = await at.find(BOB)
    assert isinstance(lookup, Unusable)
    assert (lookup.why, lookup.binding) == (Why.REVOKED, "")


async def test_a_key_that_a_source_brought_does_not_come_before_a_binding(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    assert await found(at, BOB) == ("", [fpr(1)])
    await bind(at, BOB, GATEWAY)
    assert await found(at, BOB) == (BOB, [fpr(GATEWAY)])


async def test_a_tag_is_left_out(at: Bench) -> None:
    await bind(at, BOB, GATEWAY)
    assert await found(at, "Bob+Radio@Ville.example") == (BOB, [fpr(GATEWAY)])


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (key(SECOND, "second@partner.example", expires=NOW - DAY), Why.EXPIRED),
        (key(SECOND, "second@partner.example", revoked=True), Why.REVOKED),
        (None, Why.NOT_THERE),
    ],
)
async def test_one_key_that_must_not_be_used_makes_the_binding_unusable_and_no_source_is_asked(
    at: Bench, state: bytes | None, why: Why
) -> None:
    await bind(at, "*@ville.example", GATEWAY, SECOND)
    await at.store.certificates.remove(fpr(SECOND))
    if state:
        await at.store.certificates.upsert([Entry(read(state), Origin.IMPORTED, int(NOW))])
    at.wkd.shelf[BOB] = [key(1, BOB)]
    lookup = await at.find(BOB)
    assert isinstance(lookup, Unusable)
    assert (lookup.why, lookup.fingerprint, lookup.binding) == (why, fpr(SECOND), "*@ville.example")
    assert at.wkd.asked == []


async def test_a_bound_key_that_its_source_replaces_stays(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await found(at, BOB)
    await bind(at, "*@other.example", 1)
    at.wkd.shelf[BOB] = [key(2, BOB)]
    at.later(2 * DAY)
    assert await found(at, BOB) == ("", [fpr(2)])
    assert await found(at, "ann@other.example") == ("*@other.example", [fpr(1)])


async def test_what_another_process_binds_counts_within_a_second(at: Bench, tmp_path: Path) -> None:
    assert isinstance(await at.find(BOB), NotFound)
    async with bench(tmp_path) as other:
        await other.store.bindings.put([Binding(BOB, (fpr(GATEWAY),))])
    bound = asked = time.monotonic()
    while not isinstance(await at.find(BOB), Found):
        assert asked < bound + 1
        asked = time.monotonic()
    await at.store.bindings.drop(BOB)
    assert isinstance(await at.find(BOB), NotFound)
