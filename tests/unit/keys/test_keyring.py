from __future__ import annotations

from dataclasses import replace

import pytest
from lab.synthetic import NOW, certificate, entry

from relay.keys.keyring import Keyring
from relay.model import Address, Entry, Found, NotFound, Origin, Outage, Unusable, UserId, Why
from relay.model.errors import StoreError

PAST = int(NOW) - 1


class Fake:
    """A store with these entries."""

    def __init__(self, *entries: Entry) -> None:
        self._entries = entries

    async def by_address(self, address: Address) -> list[Entry]:
        return [e for e in self._entries if address in [u.address for u in e.certificate.user_ids]]


async def _lookup(address: str, *entries: Entry, **settings: object) -> Found | NotFound | Unusable | Outage:
    return await Keyring(Fake(*entries), clock=lambda: NOW, **settings).lookup(Address(address))  # type: ignore[arg-type]  # a fake store


def _named(answer: object) -> str:
    assert isinstance(answer, Found), answer
    return answer.certificate.addresses[0].local


async def test_a_usable_certificate_is_found() -> None:
    bob = certificate("bob")
    assert await _lookup("BOB@example.org", entry(bob)) == Found(bob, Origin.IMPORTED, "keyring", "keyring")


async def test_nothing_there_is_not_found() -> None:
    assert await _lookup("bob@example.org") == NotFound("keyring", "keyring")


async def test_an_imported_one_beats_a_newer_fetched_one() -> None:
    fetched = entry(certificate("f", "fetched@x", "bob@x"), origin=Origin.WKD, updated=9)
    imported = entry(certificate("i", "imported@x", "bob@x"), updated=1)
    assert _named(await _lookup("bob@x", fetched, imported)) == "imported"


async def test_the_newest_imported_one_wins() -> None:
    old, new = (entry(certificate(n, f"{n}@x", "bob@x"), updated=u) for n, u in (("old", 1), ("new", 2)))
    assert _named(await _lookup("bob@x", old, new)) == "new"


async def test_an_expired_one_never_shadows_a_good_one() -> None:
    expired = entry(certificate("e", "bob@x", expires=PAST), updated=9)
    fetched = entry(certificate("f", "fetched@x", "bob@x"), origin=Origin.WKD, updated=1)
    assert _named(await _lookup("bob@x", expired, fetched)) == "fetched"


async def test_a_proposed_one_is_not_used_and_hides_nothing() -> None:
    proposed = entry(certificate("p", "bob@x"), origin=Origin.WKD, proposed=True)
    assert isinstance(await _lookup("bob@x", proposed), NotFound)
    expired = certificate("e", "bob@x", expires=PAST)
    answer = await _lookup("bob@x", proposed, entry(expired))
    assert answer == Unusable(Why.EXPIRED, expired.fingerprint, Origin.IMPORTED, "keyring", "keyring", PAST)


async def test_of_several_unusable_ones_the_one_that_may_be_renewed_is_told() -> None:
    revoked = entry(certificate("r", "bob@x", revoked=True), updated=9)
    expired = certificate("e", "bob@x", expires=PAST)
    answer = await _lookup("bob@x", revoked, entry(expired))
    assert isinstance(answer, Unusable)
    assert (answer.why, answer.fingerprint) == (Why.EXPIRED, expired.fingerprint)


async def test_weak_ones_are_found_or_refused_as_configured() -> None:
    weak, strong = entry(certificate("w", "bob@x", weak=True), updated=9), entry(certificate("s", "strong@x", "bob@x"))
    assert isinstance(await _lookup("bob@x", weak), Found)
    answer = await _lookup("bob@x", weak, refuse_weak=True)
    assert isinstance(answer, Unusable)
    assert answer.why is Why.WEAK
    assert _named(await _lookup("bob@x", weak, strong, refuse_weak=True)) == "strong"


async def test_a_version_the_engine_cannot_use_is_unusable_and_shadows_nothing() -> None:
    six, four = entry(certificate("6", "bob@x", version=6), updated=9), entry(certificate("4", "four@x", "bob@x"))
    answer = await _lookup("bob@x", six, versions=frozenset({4}))
    assert isinstance(answer, Unusable)
    assert answer.why is Why.UNSUPPORTED
    assert _named(await _lookup("bob@x", six, four, versions=frozenset({4}))) == "four"


async def test_the_tag_is_tried_after_the_exact_address() -> None:
    plain, tagged = entry(certificate("p", "bob@x")), entry(certificate("t", "bob+lists@x"))
    assert _named(await _lookup("bob+lists@x", plain, tagged)) == "bob+lists"
    assert _named(await _lookup("bob+other@x", plain, tagged)) == "bob"
    assert isinstance(await _lookup("bob@x", tagged), NotFound)


async def test_an_unusable_key_of_the_exact_address_does_not_decay_to_the_untagged_one() -> None:
    plain, tagged = entry(certificate("p", "bob@x")), entry(certificate("t", "bob+lists@x", revoked=True))
    assert isinstance(await _lookup("bob+lists@x", plain, tagged), Unusable)


async def test_a_revoked_user_id_is_unusable_and_not_unknown() -> None:
    gone = replace(
        certificate("b"), user_ids=(UserId("b", Address("bob@x"), revoked=True), UserId("c", Address("c@x")))
    )
    answer = await _lookup("bob@x", entry(gone))
    assert isinstance(answer, Unusable)
    assert answer.why is Why.USER_ID_REVOKED


@pytest.mark.parametrize("address", ["bob@x", "bob+tag@x"])
async def test_a_store_that_fails_is_an_outage(address: str) -> None:
    class Broken:
        async def by_address(self, address: Address) -> list[Entry]:
            if "+" in address.text:
                return []
            raise StoreError("the store's disk is full")

    keyring = Keyring(Broken())  # type: ignore[arg-type]  # asked for addresses alone
    assert await keyring.lookup(Address(address)) == Outage("keyring", "the store's disk is full", "keyring")


@pytest.mark.parametrize(
    "address", ['"bob smith+x"@x', '"\\"bob\\"+x"@x', "\\" * 200 + "+x@x", '"+x"@x', "+x@x", "bob+x"]
)
async def test_an_odd_tagged_address_is_answered_and_reaches_no_other_mailbox(address: str) -> None:
    assert isinstance(await _lookup(address, entry(certificate("bob", "bob@x"))), NotFound)


async def test_the_tag_is_found_inside_quotes() -> None:
    assert isinstance(await _lookup('"bob smith+x"@x', entry(certificate("bob", '"Bob Smith"@x'))), Found)
