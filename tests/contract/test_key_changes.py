"""Every change of a key is a row of the trace, in the transaction that makes it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from lab.synthetic import NOW, certificate, entry

from relay.model import Entry, Origin, Record
from relay.model.binding import Binding
from relay.model.errors import StoreError
from relay.model.key_change import UPKEEP, KeyChange
from relay.store import Selection, Store, key_changes

BOB = "bob@example.org"
OLD, NEW = certificate("old", BOB), certificate("new", BOB)
ROOT = "cli:root"


@pytest.fixture
async def store(place: str) -> AsyncIterator[Store]:
    async with await Store.open(place, clock=lambda: NOW) as opened:
        yield opened


async def told(store: Store) -> list[tuple[str, str, str, str, str]]:
    changes = [KeyChange.of(row) async for row in store.trace.select(Selection(keys=True))]
    assert all(change.time == NOW for change in changes)
    return [(c.actor, c.address, c.old, c.new, c.reason) for c in changes]


async def test_each_step_of_a_key_is_told_with_who_made_it(store: Store) -> None:
    old, new = OLD.fingerprint, NEW.fingerprint
    await store.certificates.upsert([entry(OLD)], actor=ROOT)
    await store.certificates.upsert([entry(OLD)], actor=ROOT)
    await store.certificates.upsert([entry(certificate("old", BOB, expires=int(NOW) + 9))], actor=ROOT)
    await store.certificates.upsert([entry(certificate("old", BOB, expires=int(NOW) + 9, revoked=True))])
    await store.certificates.upsert([entry(NEW, origin=Origin.WKD, proposed=True)])
    await store.certificates.approve(new, actor="cli:anne")
    await store.certificates.remove(old, actor=ROOT)
    await store.certificates.remove(new, actor=ROOT)
    assert await told(store) == [
        (ROOT, BOB, "", old, "imported"),
        (ROOT, BOB, old, old, "renewed"),
        (UPKEEP, BOB, old, old, "revoked"),
        (UPKEEP, BOB, old, new, "proposed: found by wkd"),
        ("cli:anne", BOB, old, new, "approved"),
        (ROOT, BOB, old, new, "removed"),
        (ROOT, BOB, new, "", "removed"),
    ]
    assert (await store.trace.verify()).holds


async def test_a_rejected_proposal_and_a_fetched_key_that_is_replaced_are_told(store: Store) -> None:
    await store.certificates.upsert([entry(OLD, origin=Origin.WKD)])
    await store.certificates.upsert([entry(NEW, origin=Origin.LDAP, proposed=True)])
    await store.certificates.reject(NEW.fingerprint, actor=ROOT)
    (held,) = await store.certificates.search(OLD.fingerprint)
    await store.certificates.remove_fetched(OLD.fingerprint, held.version)
    assert [(actor, old, new, why) for actor, _, old, new, why in await told(store)] == [
        (UPKEEP, "", OLD.fingerprint, "found by wkd"),
        (UPKEEP, OLD.fingerprint, NEW.fingerprint, "proposed: found by ldap"),
        (ROOT, NEW.fingerprint, OLD.fingerprint, "rejected"),
        (UPKEEP, OLD.fingerprint, "", "replaced"),
    ]


async def test_a_known_key_that_its_owner_enrols_was_told_as_imported(store: Store) -> None:
    await store.certificates.upsert([entry(OLD, origin=Origin.WKD)])
    await store.certificates.upsert([entry(OLD, origin=Origin.ENROLLED)], actor="enrolment")
    await store.certificates.upsert([entry(OLD)], actor=ROOT)
    assert [(actor, why) for actor, *_, why in await told(store)] == [
        (UPKEEP, "found by wkd"),
        ("enrolment", "proved by its owner"),
        (ROOT, "imported"),
    ]


async def test_a_key_that_was_only_proposed_was_told_as_found(store: Store) -> None:
    await store.certificates.upsert([entry(NEW, proposed=True)], actor=ROOT)
    await store.certificates.upsert([entry(NEW, origin=Origin.WKD, proposed=True)])
    await store.certificates.upsert([entry(NEW, origin=Origin.ENROLLED, proposed=True)], actor="enrolment")
    assert [(actor, why) for actor, *_, why in await told(store)] == [
        (ROOT, "proposed: by a person"),
        (UPKEEP, "proposed: found by wkd"),
        ("enrolment", "proposed: proved by its owner"),
    ]


async def test_an_address_that_a_key_gets_later_had_none_before(store: Store) -> None:
    await store.certificates.upsert([entry(OLD)], actor=ROOT)
    await store.certificates.upsert([entry(certificate("old", BOB, "new@example.org"))], actor=ROOT)
    assert (ROOT, "new@example.org", "", OLD.fingerprint, "changed") in await told(store)


async def test_a_binding_is_told_with_all_of_its_keys(store: Store) -> None:
    await store.bindings.put([Binding("*@ville.example", ("A", "B"))], actor=ROOT)
    await store.bindings.put([Binding("*@ville.example", ("C",), signs=True)], actor=ROOT)
    await store.bindings.drop("*@ville.example", actor=ROOT)
    await store.bindings.drop("*@ville.example", actor=ROOT)
    assert await told(store) == [
        (ROOT, "*@ville.example", "", "A B", "bound"),
        (ROOT, "*@ville.example", "A B", "C", "bound"),
        (ROOT, "*@ville.example", "C", "", "unbound"),
    ]


async def test_a_key_with_a_thousand_addresses_makes_few_rows(store: Store) -> None:
    await store.certificates.upsert([entry(certificate("many", *(f"p{n}@example.org" for n in range(1000))))])
    assert len(await told(store)) == key_changes.MOST_ADDRESSES


async def test_what_was_not_stored_is_not_told(store: Store) -> None:
    await store.certificates.upsert([entry(OLD)], {OLD.fingerprint: 5})
    assert await told(store) == []


async def test_a_change_whose_row_cannot_be_written_is_not_made(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise StoreError("no room")

    monkeypatch.setattr("relay.store.key_changes.hash_chain.append", fails)
    with pytest.raises(StoreError):
        await store.certificates.upsert([entry(OLD)])
    assert await store.certificates.by_fingerprint(OLD.fingerprint) is None


async def test_rows_about_mails_and_about_keys_are_asked_for_apart_and_held_mails_know_none(store: Store) -> None:
    names = ("a@x", BOB, "hold", "r", "no key is known", "", "", "450 4.7.1", 1)
    await store.trace.write([Record(NOW, "id", "4AAAA1", "<m@x>", *names)])
    await store.certificates.upsert([entry(OLD)])
    assert [row.action async for row in store.trace.select()] == ["hold"]
    assert [sum_.action for sum_ in await store.trace.summary()] == ["hold"]
    assert [record.queue_id for _, record in await store.trace.held(0)] == ["4AAAA1"]


async def test_a_proposal_is_known_since_it_was_first_seen(store: Store) -> None:
    await store.certificates.upsert([entry(NEW, origin=Origin.WKD, updated=5, proposed=True)])
    await store.certificates.upsert([entry(NEW, origin=Origin.WKD, updated=9, proposed=True)])
    (proposal,) = await store.certificates.proposed(10)
    assert (proposal.first_seen, proposal.dkim_domain, proposal.entry.updated) == (NOW, "", 9)
    await store.certificates.approve(NEW.fingerprint)
    assert await store.certificates.proposed(10) == []
    found = await store.certificates.by_fingerprint(NEW.fingerprint)
    assert isinstance(found, Entry)
    assert (found.origin, found.proposed) == (Origin.IMPORTED, False)
