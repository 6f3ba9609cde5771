"""Every row of the chain's rules, with a real store and sources on paper."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.clock import leap
from lab.resolvers import DOWN, ODD, OURS, Bench, bench
from lab.sources import DAY, NOW, fpr, key

from relay.keys.cached_answers import Lifetimes, Refresh
from relay.keys.merge_policy import MergePolicy
from relay.keys.resolver import REFRESH, TOO_SLOW
from relay.model import Address, Certificate, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import StoreError

BOB = "bob@ville.example"
ANN = "ann@ville.example"
MALLORY = "mallory@ville.example"
EXPIRED = NOW - DAY
HOUR = 3600


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def told(lookup: Lookup) -> tuple[object, ...]:
    match lookup:
        case Found():
            return "found", lookup.certificate.fingerprint, lookup.origin.value, lookup.method
        case Unusable():
            return "unusable", lookup.why, lookup.fingerprint
        case NotFound():
            return ("not found",)
        case Outage():
            return "outage", lookup.source, lookup.reason


# Order and stop rules


async def test_an_imported_key_is_used_and_nobody_is_asked(at: Bench) -> None:
    await at.imported(key(1, BOB))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")
    assert at.ldap.asked == at.wkd.asked == []


async def test_the_first_source_that_has_a_key_ends_the_search(at: Bench) -> None:
    at.ldap.shelf[BOB] = [key(1, BOB)]
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("found", fpr(1), "ldap", "ldap/test")
    assert at.wkd.asked == []


async def test_a_key_that_an_earlier_source_got_later_is_found_once_the_one_in_use_was_removed(tmp_path: Path) -> None:
    """It looked like a race: with no cache at all the directory's key was not used."""
    async with bench(tmp_path, lifetimes=Lifetimes(0, 0, 0)) as at:
        at.wkd.shelf[BOB] = [key(2, BOB)]
        assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
        at.ldap.shelf[BOB] = [key(1, BOB)]
        assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
        assert (len(at.ldap.asked), len(at.wkd.asked)) == (1, 2), "only the source of the key in use is asked again"
        await at.store.certificates.remove(fpr(2))
        assert told(await at.find(BOB)) == ("found", fpr(1), "ldap", "ldap/test")


async def test_sources_are_asked_in_the_configured_order(tmp_path: Path) -> None:
    async with bench(tmp_path, order=("wkd", "ldap")) as at:
        at.ldap.shelf[BOB] = [key(1, BOB)]
        at.wkd.shelf[BOB] = [key(2, BOB)]
        assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
        assert at.ldap.asked == []


async def test_a_source_without_the_key_hands_on_to_the_next(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
    assert at.ldap.asked == [BOB]


async def test_no_source_has_a_key(at: Bench) -> None:
    assert told(await at.find(BOB)) == ("not found",)
    assert (at.ldap.asked, at.wkd.asked) == ([BOB], [BOB])


@pytest.mark.parametrize("reason", [DOWN, ODD])
async def test_an_outage_ends_the_search_and_is_never_no_key(at: Bench, reason: str) -> None:
    at.ldap.shelf[BOB] = reason
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("outage", "ldap", reason)
    assert at.wkd.asked == []


async def test_an_outage_that_a_rule_excuses_is_no_key_at_that_source(at: Bench) -> None:
    at.ldap.shelf[BOB] = DOWN
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB, "ldap")) == ("found", fpr(2), "wkd", "wkd/test")
    at.wkd.shelf["carol@ville.example"] = DOWN
    assert told(await at.find("carol@ville.example", "ldap", "wkd")) == ("not found",)


@pytest.mark.parametrize("address", [BOB, "bob+tag@ville.example"])
async def test_a_fault_of_our_own_is_excused_by_no_rule_fresh_or_in_memory(at: Bench, address: str) -> None:
    """The domain was never asked, or had answered: "no key" of that would be a clear mail."""
    at.ldap.shelf[BOB] = at.wkd.shelf[BOB] = OURS
    for _ in range(2):
        assert told(await at.find(address, "wkd", "ldap")) == ("outage", "ldap", OURS)
    at.ldap.shelf[BOB] = []
    at.later(2 * HOUR)
    assert told(await at.find(address, "wkd", "ldap")) == ("outage", "wkd", OURS)
    at.wkd.shelf |= {address: OURS, BOB: [key(1, BOB)] if address != BOB else OURS}
    at.later(2 * HOUR)
    assert told(await at.find(address, "wkd", "ldap")) == ("outage", "wkd", OURS)


async def test_an_excused_outage_in_memory_is_excused_too(at: Bench) -> None:
    at.wkd.shelf[BOB] = DOWN
    assert told(await at.find(BOB)) == ("outage", "wkd", DOWN)
    assert told(await at.find(BOB, "wkd")) == ("not found",)


@pytest.mark.parametrize("outage", [DOWN, ODD])
@pytest.mark.parametrize("address", [BOB, "bob+tag@ville.example"])
async def test_an_excused_outage_makes_no_clear_mail_of_a_key_that_is_known_to_be_revoked(
    at: Bench, outage: str, address: str
) -> None:
    """The domain's outage took the place of what was known of the key, and the rule made "no key" of that."""
    at.wkd.shelf[BOB] = [key(1, BOB, revoked=True)]
    revoked = ("unusable", Why.REVOKED, fpr(1))
    assert told(await at.find(address, "wkd")) == revoked
    at.wkd.shelf = dict.fromkeys([BOB, address, "carol@ville.example"], outage)
    assert told(await at.find("carol@ville.example", "wkd")) == ("not found",)
    for _ in range(5):
        assert told(await at.find(address, "wkd")) == revoked
        at.later(DAY)
        await at.key_refresh.round()
    at.wkd.shelf = {BOB: [key(2, BOB)]}
    at.later(601)
    assert told(await at.find(address, "wkd"))[:2] == ("found", fpr(2))


async def test_no_source_at_all(tmp_path: Path) -> None:
    async with bench(tmp_path, order=()) as at:
        assert told(await at.find(BOB)) == ("not found",)
        assert await at.resolver.find_all({}) == {}


async def test_a_store_that_cannot_be_read_is_an_outage(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.store.close()
    assert told(await at.find(BOB)) == ("outage", "keyring", "the store is closed")


async def test_a_store_that_takes_no_answer_is_an_outage(at: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StoreError("the store's disk is full")

    monkeypatch.setattr(at.store.answers, "put", full)
    assert told(await at.find(BOB)) == ("outage", "ldap", "the store's disk is full")


async def test_a_store_that_takes_no_key_is_an_outage(at: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StoreError("the store's disk is full")

    at.ldap.shelf[BOB] = [key(1, BOB)]
    monkeypatch.setattr(at.store.certificates, "upsert", full)
    assert told(await at.find(BOB)) == ("outage", "ldap", "the store's disk is full")


# What must not be used


@pytest.mark.parametrize(
    ("state", "why"),
    [(key(1, BOB, expires=EXPIRED), Why.EXPIRED), (key(1, BOB, revoked=True), Why.REVOKED)],
    ids=["expired", "revoked"],
)
async def test_what_must_not_be_used_never_becomes_no_key(at: Bench, state: bytes, why: Why) -> None:
    await at.imported(state)
    assert told(await at.find(BOB)) == ("unusable", why, fpr(1))
    assert (at.ldap.asked, at.wkd.asked) == ([BOB], [BOB])


@pytest.mark.parametrize("source", ["ldap", "wkd"])
async def test_nor_when_it_was_a_source_that_had_it(at: Bench, source: str) -> None:
    getattr(at, source).shelf[BOB] = [key(1, BOB, revoked=True)]
    for _ in range(2):
        assert told(await at.find(BOB)) == ("unusable", Why.REVOKED, fpr(1))


async def test_it_is_told_rather_than_an_outage(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.ldap.shelf[BOB] = DOWN
    assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))


async def test_an_outage_is_told_where_nothing_is_known_of_a_key(at: Bench) -> None:
    at.wkd.shelf[BOB] = ODD
    assert told(await at.find(BOB)) == ("outage", "wkd", ODD)


@pytest.mark.parametrize("source", ["ldap", "wkd"])
async def test_the_same_key_renewed_is_merged_and_used(at: Bench, source: str) -> None:
    await at.imported(key(1, BOB, "bob@old.example", expires=EXPIRED))
    getattr(at, source).shelf[BOB] = [key(1, BOB, expires=NOW + DAY)]
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", f"{source}/test")
    (entry,) = (await at.entries("bob@old.example")).values()
    assert (entry.origin, entry.proposed, entry.certificate.expires) == (Origin.IMPORTED, False, NOW + DAY)
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")


async def test_a_different_key_is_proposed_and_not_taken_over_an_imported_one(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.ldap.shelf[BOB] = [key(2, BOB)]
    for _ in range(2):
        assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))
    entries = await at.entries(BOB)
    assert (entries[fpr(2)].proposed, entries[fpr(2)].origin) == (True, Origin.LDAP)
    assert not entries[fpr(1)].proposed


async def test_the_next_source_may_bring_the_imported_key_renewed_where_one_brought_another(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.ldap.shelf[BOB] = [key(2, BOB)]
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + DAY)]
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "wkd/test")


async def test_a_source_that_brings_both_renews_the_imported_one(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB), key(1, BOB, expires=NOW + DAY)]
    await at.find(BOB)
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")


async def test_a_proposal_that_is_approved_is_used_and_stays_approved(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.find(BOB)
    assert await at.store.certificates.approve(fpr(2))
    assert told(await at.find(BOB)) == ("found", fpr(2), "imported", "keyring")
    at.later(2 * DAY)
    assert told(await at.find(BOB)) == ("found", fpr(2), "imported", "keyring")


async def test_a_third_key_is_proposed_again_where_one_was_approved(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB, expires=NOW + 10 * DAY)]
    await at.find(BOB)
    await at.store.certificates.approve(fpr(2))
    at.wkd.shelf[BOB] = [key(3, BOB)]
    at.later(2 * DAY)
    assert told(await at.find(BOB)) == ("found", fpr(2), "imported", "keyring")
    assert fpr(3) not in await at.entries(BOB), "an approved key that is usable comes before any other"
    at.later(20 * DAY)
    assert told(await at.find(BOB))[:2] == ("unusable", Why.EXPIRED)
    assert (await at.entries(BOB))[fpr(3)].proposed


async def test_a_proposal_that_is_rejected_does_not_come_back(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.find(BOB)
    assert await at.store.certificates.reject(fpr(2))
    at.later(2 * DAY)
    assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))
    assert list(await at.entries(BOB)) == [fpr(1)]


async def test_a_rejected_key_is_not_used_once_the_imported_one_is_removed_and_is_not_no_key_either(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.find(BOB)
    await at.store.certificates.reject(fpr(2))
    await at.store.certificates.remove(fpr(1))
    for _ in range(2):
        assert told(await at.find(BOB)) == ("unusable", Why.DISABLED, fpr(2))
        assert await at.entries(BOB) == {}
        at.later(2 * DAY)
    await at.imported(key(2, BOB))
    assert told(await at.find(BOB)) == ("found", fpr(2), "imported", "keyring")


async def test_removing_the_imported_key_makes_no_clear_mail_while_a_proposal_waits(at: Bench) -> None:
    """What was remembered of the other key named one that was only proposed: "no key", for up to a day."""
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.find(BOB)
    await at.store.certificates.remove(fpr(1))
    assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")


@pytest.mark.parametrize("outage", [DOWN, ODD])
async def test_where_the_keyring_is_not_listed_an_excused_outage_passes_over_no_key_either(
    tmp_path: Path, outage: str
) -> None:
    async with bench(tmp_path, listed=False) as at:
        at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + 3 * DAY)]
        assert told(await at.find(BOB, "wkd"))[:2] == ("found", fpr(1))
        at.wkd.shelf[BOB] = outage
        for _ in range(2):
            at.later(1.2 * DAY)
            assert told(await at.find(BOB, "wkd"))[:2] == ("found", fpr(1))
        at.later(DAY)
        assert told(await at.find(BOB, "wkd")) == ("unusable", Why.EXPIRED, fpr(1))


async def test_a_key_that_is_proposed_for_one_address_is_not_no_key_for_another(
    at: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail to the one in the same moment: that to the other went clear, though its key had just been found."""
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = at.wkd.shelf[ANN] = [key(2, BOB, ANN)]
    keep = MergePolicy.keep

    async def meanwhile(self: MergePolicy, certificate: Certificate, origin: Origin, address: Address) -> None:
        await keep(self, certificate, origin, address)
        await self.guard(Address(BOB), certificate)

    monkeypatch.setattr(MergePolicy, "keep", meanwhile)
    assert told(await at.find(ANN)) == ("found", fpr(2), "wkd", "wkd/test")
    assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))


async def test_a_key_that_counts_for_one_address_is_still_proposed_for_another(
    at: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail to the one in the same moment: that to the other was encrypted to a key that nobody had approved."""
    at.wkd.shelf[BOB] = at.wkd.shelf[ANN] = [key(2, BOB, ANN)]
    found = await at.find(ANN)
    assert isinstance(found, Found)
    await at.imported(key(1, BOB, expires=EXPIRED))
    guard = MergePolicy.guard

    async def meanwhile(self: MergePolicy, address: Address, certificate: Certificate) -> bool:
        stands = await guard(self, address, certificate)
        await self.keep(found.certificate, found.origin, Address(ANN))
        return stands

    monkeypatch.setattr(MergePolicy, "guard", meanwhile)
    assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))


async def test_a_proposal_counts_once_the_imported_key_is_removed(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.find(BOB)
    await at.store.certificates.remove(fpr(1))
    at.later(2 * DAY)
    assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")


async def test_a_key_fetched_before_another_was_imported_does_not_follow_it_silently(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
    await at.imported(key(1, BOB, expires=NOW + DAY))
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")
    at.later(1.5 * DAY)
    assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))
    assert (await at.entries(BOB))[fpr(2)].proposed


async def test_a_key_that_counts_for_another_address_is_not_taken_over_an_imported_one_either(at: Bench) -> None:
    at.wkd.shelf["team@ville.example"] = [key(2, "team@ville.example")]
    await at.find("team@ville.example")
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    for _ in range(2):
        assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))


async def test_a_source_that_renews_a_key_brings_it_no_address_that_nobody_asked_for(at: Bench) -> None:
    """Mallory writes the addressee of other people's mail into her own key, and publishes it where hers is renewed."""
    await at.imported(key(1, MALLORY))
    at.ldap.shelf[MALLORY] = at.wkd.shelf[MALLORY] = [key(1, MALLORY, BOB, expires=NOW + DAY)]
    await at.key_refresh.round()
    assert await at.entries(BOB) == {}
    assert told(await at.find(BOB)) == ("not found",)
    assert told(await at.find(MALLORY)) == ("found", fpr(1), "imported", "keyring")


async def test_an_imported_key_joins_no_address_for_which_another_was_imported(at: Bench) -> None:
    """Bob's domain says that Mallory's key, which was imported for her, were his too, and it was the last to change."""
    await at.imported(key(1, BOB), key(2, MALLORY))
    at.wkd.shelf[BOB] = [key(2, BOB, expires=NOW + DAY)]
    at.later(HOUR)
    await at.key_refresh.round()
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")
    assert list(await at.entries(BOB)) == [fpr(1)]


async def test_a_key_joins_an_address_that_its_source_was_asked_for(at: Bench) -> None:
    await at.imported(key(1, BOB))
    at.wkd.shelf["bob@second.example"] = [key(1, "bob@second.example", "bob@third.example")]
    for _ in range(2):
        assert told(await at.find("bob@second.example"))[:3] == ("found", fpr(1), "imported")
    assert await at.entries("bob@third.example") == {}


async def test_a_renewal_does_not_make_the_older_of_two_imported_keys_the_newest(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=NOW + DAY))
    at.later(HOUR)
    await at.imported(key(2, BOB))
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + 9 * DAY)]
    at.later(HOUR)
    await at.key_refresh.round()
    assert (await at.entries(BOB))[fpr(1)].certificate.expires == NOW + 9 * DAY
    assert told(await at.find(BOB)) == ("found", fpr(2), "imported", "keyring")


async def test_another_key_is_left_alone_while_the_imported_one_is_usable(at: Bench) -> None:
    await at.imported(key(1, BOB))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    await at.resolver.ask_each(Address(BOB))
    assert list(await at.entries(BOB)) == [fpr(1)]


async def test_where_none_was_imported_an_expired_one_hides_no_good_one_of_another_source(at: Bench) -> None:
    at.ldap.shelf[BOB] = [key(1, BOB, expires=EXPIRED)]
    at.wkd.shelf[BOB] = [key(2, BOB)]
    for _ in range(2):
        assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")


async def test_weak_keys_are_refused_from_sources_too(tmp_path: Path) -> None:
    async with bench(tmp_path, refuse_weak=True) as at:
        at.wkd.shelf[BOB] = [key(1, BOB, weak=True)]
        for _ in range(2):
            assert told(await at.find(BOB)) == ("unusable", Why.WEAK, fpr(1))


# What sources brought


async def test_what_was_found_stands_in_the_store_and_names_its_method(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    for _ in range(3):
        assert told(await at.find(BOB)) == ("found", fpr(1), "wkd", "wkd/test")
    assert at.wkd.asked == [BOB]
    (entry,) = (await at.entries(BOB)).values()
    assert (entry.origin, entry.proposed) == (Origin.WKD, False)


async def test_once_it_is_old_its_own_source_is_asked_and_no_other(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(DAY - 1)
    await at.find(BOB)
    assert at.wkd.asked == [BOB]
    at.later(2)
    assert told(await at.find(BOB)) == ("found", fpr(1), "wkd", "wkd/test")
    assert (at.wkd.asked, at.ldap.asked) == ([BOB, BOB], [BOB])


async def test_an_outage_when_it_is_old_leaves_it_in_use(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.wkd.shelf[BOB] = DOWN
    for _ in range(2):
        assert told(await at.find(BOB)) == ("found", fpr(1), "wkd", "wkd/test")
    assert at.wkd.asked == [BOB, BOB]


async def test_a_source_that_no_longer_has_it_leaves_it_in_use_rather_than_send_clear(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.wkd.shelf[BOB] = []
    assert told(await at.find(BOB)) == ("found", fpr(1), "wkd", "wkd/test")


async def test_an_outage_when_it_has_expired_makes_nothing_clear(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + DAY)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.wkd.shelf[BOB] = DOWN
    assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))


async def test_a_fetched_key_that_expired_is_asked_for_again_before_its_time_in_memory_is_over(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + 60)]
    await at.find(BOB)
    at.later(120)
    at.wkd.shelf[BOB] = [key(1, BOB, expires=NOW + DAY)]
    assert told(await at.find(BOB)) == ("found", fpr(1), "wkd", "wkd/test")


@pytest.mark.parametrize("expires", [NOW + DAY, None], ids=["expired", "changed"])
async def test_a_fetched_key_is_replaced_by_another_from_its_source(at: Bench, expires: float | None) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB, expires=expires)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.wkd.shelf[BOB] = [key(2, BOB)]
    for _ in range(2):
        assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
    assert list(await at.entries(BOB)) == [fpr(2)]


async def test_a_fetched_key_with_other_addresses_stays_for_them_when_one_changes(at: Bench) -> None:
    both = key(1, BOB, "team@ville.example")
    at.ldap.shelf |= {BOB: [both], "team@ville.example": [both]}
    await at.find(BOB)
    await at.find("team@ville.example")
    at.later(2 * DAY)
    at.ldap.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("found", fpr(2), "ldap", "ldap/test")
    at.ldap.shelf["team@ville.example"] = DOWN
    at.later(2 * DAY)
    assert told(await at.find("team@ville.example")) == ("found", fpr(1), "ldap", "ldap/test")


async def test_what_its_directory_disables_is_not_used_though_the_key_itself_is_good(at: Bench) -> None:
    at.ldap.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.ldap.shelf[BOB] = Unusable(Why.DISABLED, fpr(1), Origin.LDAP, "ldap", "ldap/test")
    for _ in range(2):
        assert told(await at.find(BOB)) == ("unusable", Why.DISABLED, fpr(1))


async def test_a_revocation_found_at_its_source_counts(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.wkd.shelf[BOB] = [key(1, BOB, revoked=True)]
    assert told(await at.find(BOB)) == ("unusable", Why.REVOKED, fpr(1))
    at.wkd.shelf[BOB] = []
    at.later(2 * DAY)
    assert told(await at.find(BOB)) == ("unusable", Why.REVOKED, fpr(1))


async def test_a_revocation_found_beside_another_key_or_for_another_address_counts_at_once(at: Bench) -> None:
    other = "robert@ville.example"
    await at.imported(key(1, BOB))
    at.ldap.shelf[other] = [key(2, other), key(1, BOB, revoked=True)]
    assert told(await at.find(other)) == ("found", fpr(2), "ldap", "ldap/test")
    assert told(await at.find(BOB)) == ("unusable", Why.REVOKED, fpr(1))


async def test_a_key_that_was_removed_is_looked_for_again(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    await at.store.certificates.remove(fpr(1))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")


async def test_importing_a_key_makes_a_remembered_answer_irrelevant(at: Bench) -> None:
    assert told(await at.find(BOB)) == ("not found",)
    await at.imported(key(1, BOB))
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")


async def test_importing_a_key_that_was_fetched_makes_it_imported(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    await at.imported(key(1, BOB))
    at.later(2 * DAY)
    assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "keyring")
    assert at.wkd.asked == [BOB]


# The keyring's place among the sources


async def test_where_the_keyring_is_not_listed_only_what_sources_bring_counts(tmp_path: Path) -> None:
    async with bench(tmp_path, listed=False) as at:
        await at.imported(key(1, BOB))
        assert told(await at.find(BOB)) == ("unusable", Why.UNLISTED, fpr(1)), "a key is known: nothing leaves clear"
        at.later(2 * DAY)
        at.wkd.shelf[BOB] = [key(1, BOB)]
        for _ in range(2):
            assert told(await at.find(BOB)) == ("found", fpr(1), "imported", "wkd/test")
        assert len(at.wkd.asked) == 2


@pytest.mark.parametrize("expires", [None, EXPIRED])
async def test_where_the_keyring_is_not_listed_an_imported_key_makes_no_clear_mail_of_what_a_source_brings(
    tmp_path: Path, expires: float | None
) -> None:
    """The source's key was proposed beside an expired imported one that did not count: "no key", and a clear mail."""
    async with bench(tmp_path, listed=False) as at:
        await at.imported(key(1, BOB, expires=expires))
        at.wkd.shelf[BOB] = [key(2, BOB)]
        for _ in range(2):
            assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")
        assert len(at.wkd.asked) == 1
    async with bench(tmp_path) as at:  # listed again, it stands before the other
        at.wkd.shelf[BOB] = [key(2, BOB)]
        here = ("found", fpr(1), "imported", "keyring") if expires is None else ("unusable", Why.EXPIRED, fpr(1))
        for _ in range(2):
            assert told(await at.find(BOB)) == here


async def test_where_the_keyring_is_listed_no_more_what_was_proposed_counts(tmp_path: Path) -> None:
    async with bench(tmp_path) as at:
        await at.imported(key(1, BOB, expires=EXPIRED))
        at.wkd.shelf[BOB] = [key(2, BOB)]
        assert told(await at.find(BOB)) == ("unusable", Why.EXPIRED, fpr(1))
    async with bench(tmp_path, listed=False) as at:
        at.wkd.shelf[BOB] = [key(2, BOB)]
        assert told(await at.find(BOB)) == ("found", fpr(2), "wkd", "wkd/test")


# Addresses


async def test_the_address_without_its_tag_comes_after_the_exact_one_at_each_source(at: Bench) -> None:
    tagged = "bob+news@ville.example"
    at.wkd.shelf[BOB] = [key(1, BOB)]
    assert told(await at.find(tagged)) == ("found", fpr(1), "wkd", "wkd/test")
    assert (at.ldap.asked, at.wkd.asked) == ([tagged, BOB], [tagged, BOB])
    assert told(await at.find(tagged)) == ("found", fpr(1), "wkd", "wkd/test")
    assert len(at.wkd.asked) == 2
    at.later(2 * DAY)
    assert told(await at.find(tagged)) == ("found", fpr(1), "wkd", "wkd/test")


async def test_an_outage_for_the_exact_address_is_not_passed_over_for_the_one_without_tag(at: Bench) -> None:
    at.wkd.shelf |= {"bob+news@ville.example": ODD, BOB: [key(1, BOB)]}
    assert told(await at.find("bob+news@ville.example")) == ("outage", "wkd", ODD)


async def test_another_key_for_the_untagged_address_is_proposed_there(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.shelf[BOB] = [key(2, BOB)]
    assert told(await at.find("bob+news@ville.example")) == ("unusable", Why.EXPIRED, fpr(1))
    assert (await at.entries(BOB))[fpr(2)].proposed


# All recipients at once, and one deadline


async def test_all_recipients_are_asked_at_once(at: Bench) -> None:
    at.wkd.gate = asyncio.Event()
    wanted = {Address(f"u{n}@ville.example"): frozenset[str]() for n in range(50)}
    search = asyncio.create_task(at.resolver.find_all(wanted))
    await at.wkd.busy(50)
    at.wkd.gate.set()
    assert {told(found) for found in (await search).values()} == {("not found",)}


async def test_an_address_that_many_mails_want_is_asked_for_once(at: Bench) -> None:
    at.wkd.gate = asyncio.Event()
    at.wkd.shelf[BOB] = [key(1, BOB)]
    searches = [asyncio.create_task(at.find(BOB)) for _ in range(50)]
    await at.wkd.busy(1)
    at.wkd.gate.set()
    assert {told(found) for found in await asyncio.gather(*searches)} == {("found", fpr(1), "wkd", "wkd/test")}
    assert (at.ldap.asked, at.wkd.asked) == ([BOB], [BOB])


async def test_what_does_not_answer_within_the_messages_deadline_is_an_outage(tmp_path: Path) -> None:
    async with bench(tmp_path, timeout=3) as at:
        at.wkd.gate = asyncio.Event()
        at.ldap.shelf["carol@ville.example"] = [key(2, "carol@ville.example")]
        begun = time.monotonic()
        found = await at.resolver.find_all({Address(BOB): frozenset(), Address("carol@ville.example"): frozenset()})
        assert 2.9 < time.monotonic() - begun < 10
        assert told(found[Address(BOB)]) == ("outage", "lookup", TOO_SLOW)
        assert told(found[Address("carol@ville.example")]) == ("found", fpr(2), "ldap", "ldap/test")


async def test_one_messages_deadline_does_not_end_a_lookup_that_another_waits_for(tmp_path: Path) -> None:
    async with bench(tmp_path, timeout=3) as at:
        at.wkd.gate = asyncio.Event()
        at.wkd.shelf[BOB] = [key(1, BOB)]
        first = asyncio.create_task(at.find(BOB))
        await at.wkd.busy(1)
        at.resolver._timeout = 60  # the second one's
        second = asyncio.create_task(at.find(BOB))
        assert told(await first) == ("outage", "lookup", TOO_SLOW)
        at.wkd.gate.set()
        assert told(await second) == ("found", fpr(1), "wkd", "wkd/test")
        assert at.wkd.asked == [BOB]


async def test_a_source_that_is_slow_with_news_leaves_the_stored_key_in_use(at: Bench) -> None:
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.find(BOB)
    at.later(2 * DAY)
    at.wkd.gate = asyncio.Event()
    finding = asyncio.create_task(at.find(BOB))
    await at.wkd.busy(1)
    leap(REFRESH)  # well before the message's deadline
    assert told(await finding) == ("found", fpr(1), "wkd", "wkd/test")


async def test_a_message_at_its_deadline_is_told_what_must_not_be_used(at: Bench) -> None:
    await at.imported(key(1, BOB, expires=EXPIRED))
    at.wkd.gate = asyncio.Event()
    finding = asyncio.create_task(at.find(BOB))
    await at.wkd.busy(1)
    leap(60)
    assert told(await finding) == ("unusable", Why.EXPIRED, fpr(1))


# For people


async def test_each_source_tells_what_it_knows_and_when_it_said_so(at: Bench) -> None:
    await at.imported(key(1, BOB))
    at.wkd.shelf[BOB] = DOWN
    first = await at.resolver.ask_each(Address(BOB))
    assert [(t.source, told(t.lookup)[0]) for t in first] == [
        ("keyring", "found"),
        ("ldap", "not found"),
        ("wkd", "outage"),
    ]
    at.later(30)
    again = await at.resolver.ask_each(Address(BOB))
    assert [t.asked for t in again[1:]] == [NOW, NOW]
    fresh = await at.resolver.ask_each(Address(BOB), Refresh.ALWAYS)
    assert [t.asked for t in fresh[1:]] == [NOW + 30, NOW + 30]


async def test_asking_afresh_ends_a_remembered_outage_of_the_domain(at: Bench) -> None:
    at.wkd.shelf[BOB] = DOWN
    await at.find(BOB)
    at.wkd.shelf[BOB] = [key(1, BOB)]
    await at.resolver.ask_each(Address(BOB), Refresh.ALWAYS)
    at.wkd.shelf["carol@ville.example"] = [key(2, "carol@ville.example")]
    assert told(await at.find("carol@ville.example")) == ("found", fpr(2), "wkd", "wkd/test")


async def test_with_a_cache_of_no_time_every_mail_asks(tmp_path: Path) -> None:
    async with bench(tmp_path, lifetimes=Lifetimes(0, 0, 0)) as at:
        at.wkd.shelf[BOB] = [key(1, BOB)]
        for _ in range(3):
            assert told(await at.find(BOB)) == ("found", fpr(1), "wkd", "wkd/test")
        assert at.wkd.asked == [BOB] * 3


async def test_one_key_with_several_addresses_fetched_at_once_in_parts_keeps_them_all(at: Bench) -> None:
    addresses = [f"u{n}@ville.example" for n in range(12)]
    at.wkd.shelf |= {address: [key(1, address)] for address in addresses}  # WKD: cut down to the queried address
    found = await at.resolver.find_all({Address(address): frozenset() for address in addresses})
    assert {told(one) for one in found.values()} == {("found", fpr(1), "wkd", "wkd/test")}
    entry = await at.store.certificates.by_fingerprint(fpr(1))
    assert entry
    assert sorted(a.text for a in entry.certificate.addresses) == sorted(addresses)
