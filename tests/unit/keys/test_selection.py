"""Which of several certificates counts, the same in every source."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from lab.synthetic import NOW, certificate, entry

from relay.keys.keyring import Keyring
from relay.keys.ldap.judge import Holdings, judge
from relay.keys.ldap.schema import KeySpace
from relay.keys.selection import MENDABLE, select
from relay.model import Address, Certificate, Entry, Found, Lookup, Why

BOB = Address("bob@x")
SITE = KeySpace("ldap/site", ("ou=people",), "siteKey", "(mail={address})", None)


def made(name: str, created: int, **facts: bool) -> Certificate:
    whole = certificate(name, "bob@x", **facts)  # type: ignore[arg-type]  # facts that are true or false
    return replace(whole, components=tuple(replace(part, created=created) for part in whole.components))


async def in_keyring(*certificates: Certificate) -> Lookup:
    class Store:
        async def by_address(self, _: Address) -> list[Entry]:
            return [entry(one) for one in certificates]

    return await Keyring(Store(), clock=lambda: NOW).lookup(BOB)  # type: ignore[arg-type]  # asked for addresses alone


async def in_directory(*certificates: Certificate) -> Lookup:
    return judge(BOB, Holdings(certificates, unreadable=False), SITE, NOW)


OLD = [made(f"old{n}", 1_577_836_800) for n in range(4)]
NEW = [made(f"new{n}", 1_735_689_600) for n in range(4)]


@pytest.mark.parametrize("source", [in_keyring, in_directory])
@pytest.mark.parametrize("number", range(4))
async def test_of_two_usable_keys_the_newest_counts_whatever_their_fingerprints(source: object, number: int) -> None:
    """Imported in one second, the order of the fingerprints decided."""
    for pair in permutations((OLD[number], NEW[number])):
        found = await source(*pair)  # type: ignore[operator]  # one of the two above
        assert isinstance(found, Found)
        assert found.certificate == NEW[number]


async def test_an_older_usable_key_counts_where_the_newest_must_not_be_used() -> None:
    for source in (in_keyring, in_directory):
        found = await source(OLD[0], made("gone", 1_750_000_000, revoked=True))
        assert isinstance(found, Found)
        assert found.certificate == OLD[0]


def test_every_reason_has_its_rank() -> None:
    assert set(MENDABLE) == set(Why) - {Why.NO_KEY}


@pytest.mark.parametrize("first", range(len(MENDABLE) - 1))
def test_the_reason_told_is_the_one_that_is_easiest_to_mend(first: int) -> None:
    certificates = [made(f"{n}", n) for n in range(len(MENDABLE))]
    told = select(certificates[first:], lambda one: MENDABLE[one.primary.created])
    assert told.why is MENDABLE[first]
