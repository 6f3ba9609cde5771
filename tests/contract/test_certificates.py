from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from lab.synthetic import CREATED, NOW, certificate, entry

from relay.model import Address, Component, Entry, Origin, UserId
from relay.model.errors import StoreError
from relay.store import Store


@pytest.fixture
async def store(place: str) -> AsyncIterator[Store]:
    async with await Store.open(place, clock=lambda: NOW) as opened:
        yield opened


async def _found(store: Store, address: str) -> list[Entry]:
    return await store.certificates.by_address(Address(address))


async def test_what_is_stored_comes_back_equal_with_every_fact(store: Store) -> None:
    full = replace(
        certificate("bob", "bob@example.org", version=6, weak=True, expires=CREATED + 9),
        components=(
            Component("AB" * 32, "rsa3072", 1, None, encrypts=False, valid=False),
            Component("CD" * 32, "cv25519", 2, 3, encrypts=True, revoked=True),
        ),
        user_ids=(
            UserId("Bób \udcff <BOB@Bücher.example>", Address("BOB@Bücher.example")),
            UserId("old <old@example.org>", Address("old@example.org"), revoked=True),
            UserId("no address", None),
        ),
        disabled=True,
    )
    kept = entry(full, origin=Origin.LDAP, updated=77, proposed=True)
    await store.certificates.upsert([kept])
    (back,) = await _found(store, "bob@xn--bcher-kva.example")
    assert back == kept
    assert [u.address.text for u in back.certificate.user_ids if u.address] == ["BOB@Bücher.example", "old@example.org"]


async def test_only_the_whole_address_matches(store: Store) -> None:
    await store.certificates.upsert([entry(certificate("bob", "bob@example.org"))])
    assert len(await _found(store, "BOB@Example.ORG")) == 1
    for other in (
        "ob@example.org",
        "bob@example.or",
        "bob%@example.org",
        "b_b@example.org",
        "bob+x@example.org",
        "bob",
    ):
        assert await _found(store, other) == []


async def test_an_address_that_is_no_utf8_is_found_like_any_other(store: Store) -> None:
    odd = "j\udcfcrgen@example.org"
    await store.certificates.upsert([entry(certificate("jurgen", odd))])
    assert len(await _found(store, odd)) == 1
    assert await _found(store, "j\udcfdrgen@example.org") == []


async def test_a_revoked_user_id_still_leads_to_its_certificate(store: Store) -> None:
    gone = replace(certificate("bob"), user_ids=(UserId("bob", Address("bob@example.org"), revoked=True),))
    await store.certificates.upsert([entry(gone)])
    assert len(await _found(store, "bob@example.org")) == 1


async def test_imported_stand_before_fetched_and_new_before_old(store: Store) -> None:
    await store.certificates.upsert(
        [
            entry(certificate("a", "x@example.org"), updated=1),
            entry(certificate("b", "x@example.org"), updated=9, origin=Origin.WKD),
            entry(certificate("c", "x@example.org"), updated=5),
        ]
    )
    found = await _found(store, "x@example.org")
    assert [(e.origin, e.updated) for e in found] == [(Origin.IMPORTED, 5), (Origin.IMPORTED, 1), (Origin.WKD, 9)]


async def test_an_update_replaces_the_addresses_of_before(store: Store) -> None:
    await store.certificates.upsert([entry(certificate("bob", "old@example.org"))])
    assert await _found(store, "old@example.org")
    await store.certificates.upsert([entry(certificate("bob", "new@example.org"))])
    assert await _found(store, "old@example.org") == []
    assert await _found(store, "new@example.org")


async def test_thousands_are_stored_in_one_transaction(store: Store) -> None:
    await store.certificates.upsert([entry(certificate(f"n{i}")) for i in range(2500)])
    assert (await store.certificates.counts()).total == 2500
    assert len(await _found(store, "n2499@example.org")) == 1
    assert [e.certificate.fingerprint async for e in store.certificates.iterate()] == sorted(
        certificate(f"n{i}").fingerprint for i in range(2500)
    )


async def test_the_same_fingerprint_twice_in_one_call_is_stored_once(store: Store) -> None:
    await store.certificates.upsert([entry(certificate("bob"), updated=1), entry(certificate("bob"), updated=2)])
    assert [e.updated for e in await _found(store, "bob@example.org")] == [2]


async def test_an_entry_made_from_an_outdated_row_is_not_stored_and_handed_back(store: Store) -> None:
    bob, carol = certificate("bob", data=b"one"), certificate("carol")
    await store.certificates.upsert([entry(bob)])
    read = await store.certificates.by_fingerprint(bob.fingerprint)
    assert read
    other = replace(bob, data=b"two, by another process")
    await store.certificates.upsert([entry(other)])
    mine = entry(replace(bob, data=b"merged from one"))
    outdated = await store.certificates.upsert([mine, entry(carol)], {bob.fingerprint: read.version})
    assert outdated == [mine]
    found = await store.certificates.by_fingerprint(bob.fingerprint)
    assert found
    assert found.certificate.data == other.data
    assert await _found(store, "carol@example.org")


async def test_one_that_appeared_meanwhile_is_not_overwritten(store: Store) -> None:
    bob = certificate("bob")
    await store.certificates.upsert([entry(bob, updated=1)])
    assert len(await store.certificates.upsert([entry(bob, updated=2)], {})) == 1


async def test_a_fingerprint_its_beginning_and_its_key_id_find_it(store: Store) -> None:
    old, new = certificate("bob"), certificate("carol", version=6)
    await store.certificates.upsert([entry(old), entry(new)])
    for cert in (old, new):
        spaced = " ".join(cert.fingerprint[i : i + 4] for i in range(0, 40, 4)).lower()
        for text in (cert.fingerprint, "0x" + cert.primary.key_id, cert.fingerprint[:8], spaced):
            assert [e.certificate for e in await store.certificates.search(text)] == [cert], text
    for text in ("", "%", old.fingerprint[:7], old.fingerprint[1:], "bob@example.org", old.fingerprint + "00"):
        assert await store.certificates.search(text) == [], text
    assert await store.certificates.by_fingerprint(old.fingerprint[:16]) is None


async def test_a_beginning_that_several_share_finds_several(store: Store) -> None:
    bob = certificate("bob")
    twin = replace(bob, components=(replace(bob.primary, fingerprint=bob.fingerprint[:10] + "0" * 30),))
    await store.certificates.upsert([entry(bob), entry(twin)])
    assert len(await store.certificates.search(bob.fingerprint[:10])) == 2


async def test_removed_is_gone_and_nothing_else(store: Store) -> None:
    await store.certificates.upsert([entry(certificate("bob")), entry(certificate("carol"))])
    assert await _found(store, "bob@example.org")
    assert await store.certificates.remove(certificate("bob").fingerprint)
    assert not await store.certificates.remove(certificate("bob").fingerprint)
    assert await _found(store, "bob@example.org") == []
    assert await _found(store, "carol@example.org")


async def test_what_was_changed_since_it_was_looked_at_was_approved_as_well(store: Store) -> None:
    bob = certificate("bob")
    await store.certificates.upsert([entry(bob, origin=Origin.WKD, proposed=True)])
    (shown,) = await store.certificates.search(bob.fingerprint)
    await store.certificates.upsert([entry(certificate("bob", "other@example.org"), origin=Origin.WKD, proposed=True)])
    assert not await store.certificates.approve(bob.fingerprint, version=shown.version)
    (changed,) = await store.certificates.search(bob.fingerprint)
    assert changed.proposed
    assert await store.certificates.approve(bob.fingerprint, version=changed.version)


async def test_approved_counts_from_now_on(store: Store) -> None:
    bob = certificate("bob")
    await store.certificates.upsert([entry(bob, origin=Origin.WKD, proposed=True)])
    assert await store.certificates.approve(bob.fingerprint)
    assert not await store.certificates.approve(bob.fingerprint)
    assert [(e.proposed, e.origin, e.updated) for e in await _found(store, "bob@example.org")] == [
        (False, Origin.IMPORTED, int(NOW))
    ]


@pytest.mark.parametrize("origin", [Origin.WKD, Origin.IMPORTED])
async def test_rejected_is_not_proposed_again_but_may_be_imported(store: Store, origin: Origin) -> None:
    bob = certificate("bob")
    proposed = entry(bob, origin=origin, proposed=True)
    await store.certificates.upsert([proposed])
    assert await store.certificates.reject(bob.fingerprint)
    await store.certificates.upsert([proposed])
    assert await _found(store, "bob@example.org") == []
    await store.certificates.upsert([entry(bob)])
    assert await _found(store, "bob@example.org")
    assert not await store.certificates.reject(bob.fingerprint), "an imported one is not rejected away"
    assert await _found(store, "bob@example.org")
    await store.certificates.remove(bob.fingerprint)
    await store.certificates.upsert([proposed])
    assert await _found(store, "bob@example.org"), "its import has lifted the rejection"


async def test_expiring_tells_the_next_to_go_first_and_no_dead_ones(store: Store) -> None:
    day = 86400
    ends = {"dead": -day, "soon": day, "sooner": 60, "later": 90 * day, "never": None}
    await store.certificates.upsert(
        [entry(certificate(n, expires=None if e is None else int(NOW) + e)) for n, e in ends.items()]
    )
    names = [e.certificate.addresses[0].local for e in await store.certificates.expiring(60 * day)]
    assert names == ["sooner", "soon"]


async def test_counts_tell_origins_proposed_and_expired(store: Store) -> None:
    await store.certificates.upsert(
        [
            entry(certificate("a")),
            entry(certificate("b", expires=int(NOW))),
            entry(certificate("c"), origin=Origin.WKD),
            entry(certificate("d"), origin=Origin.WKD, proposed=True),
        ]
    )
    counts = await store.certificates.counts()
    assert (counts.total, counts.proposed, counts.expired) == (4, 1, 1)
    assert counts.by_origin == {Origin.IMPORTED: 2, Origin.WKD: 1}


async def test_a_row_somebody_changed_is_an_outage_and_not_no_key(store: Store) -> None:
    await store.certificates.upsert([entry(certificate("bob"))])
    await store.database.write(lambda c: c.exec_driver_sql("UPDATE certificate SET verdict = '[4,[]'"))
    with pytest.raises(StoreError, match="a certificate in the store cannot be read"):
        await _found(store, "bob@example.org")
