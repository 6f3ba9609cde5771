"""Which keys that are sent in need a proof, and what becomes of one that was proved: with keys that GnuPG made."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import join, make_keypair, split
from lab.correspondent import Correspondent

from relay.keys.enrolling import Enrolling
from relay.keys.merge_policy import MergePolicy
from relay.model import Address, Certificate, Component, Entry, Origin, Why
from relay.model.enrolment import Fate
from relay.openpgp.examiner import GnuPGExaminer
from relay.store import Store

BOB = Address("bob@ville.example")
EXAMINER = GnuPGExaminer()


@dataclass
class Bench:
    store: Store
    enrolling: Enrolling

    async def imported(self, data: bytes, origin: Origin = Origin.IMPORTED) -> None:
        (read,) = await EXAMINER.examine([data])
        assert isinstance(read, Certificate)
        await self.store.certificates.upsert([Entry(read, origin, 1)])

    async def proved(self, data: bytes) -> Fate:
        judged = await self.enrolling.judge(data, BOB)
        assert isinstance(judged, Certificate), judged
        return await self.enrolling.enrol(judged.data, BOB)

    async def entries(self) -> dict[str, tuple[Origin, bool]]:
        found = await self.store.certificates.by_address(BOB)
        return {entry.certificate.fingerprint: (entry.origin, entry.proposed) for entry in found}

    async def entry(self) -> Certificate:
        (one,) = await self.store.certificates.by_address(BOB)
        return one.certificate


async def read(data: bytes) -> Certificate:
    (found,) = await EXAMINER.examine([data])
    assert isinstance(found, Certificate)
    return found


def encrypting(certificate: Certificate) -> list[Component]:
    return [component for component in certificate.components if component.encrypts]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Bench]:
    async with await Store.open(tmp_path / "s.db") as store:
        merge_policy = MergePolicy(store.certificates, EXAMINER)
        yield Bench(store, Enrolling(store.certificates, EXAMINER, merge_policy))


@pytest.fixture(scope="module")
def person() -> Iterator[Correspondent]:
    with Correspondent() as made:
        yield made


async def test_a_new_key_needs_a_proof_and_is_stored_for_its_address_alone(at: Bench) -> None:
    pair = make_keypair(f"Bob <{BOB}>", "Boss <boss@ville.example>")
    assert await at.proved(pair.public) is Fate.ENROLLED
    assert await at.entries() == {pair.fingerprint: (Origin.ENROLLED, False)}
    assert await at.store.certificates.by_address(Address("boss@ville.example")) == []


async def test_a_new_encryption_subkey_needs_a_proof_a_later_end_and_a_revocation_do_not(
    at: Bench, person: Correspondent
) -> None:
    key = person.new_key(f"Bob <{BOB}>", expires="10y")
    first = person.export(key)
    assert await at.proved(first) is Fate.ENROLLED
    before = (await at.store.certificates.by_address(BOB))[0].certificate.expires
    person.gpg("--quick-set-expire", key, "20y")
    assert await at.enrolling.judge(person.export(key), BOB) is Fate.RENEWED
    after = (await at.store.certificates.by_address(BOB))[0].certificate.primary.expires
    assert before is not None
    assert after is not None
    assert after > before
    person.gpg("--quick-add-key", key, "cv25519", "encr")
    assert isinstance(await at.enrolling.judge(person.export(key), BOB), Certificate)
    encrypting = [c for c in (await at.store.certificates.by_address(BOB))[0].certificate.components if c.encrypts]
    assert len(encrypting) == 1, "the new subkey counts without a proof"


async def test_beside_a_subkey_that_is_proved_no_other_one_comes_in(at: Bench, person: Correspondent) -> None:
    """An attacker could bring one that is over, and prolong it later without a proof."""
    key = person.new_key(f"Bob <{BOB}>", expires="10y")
    person.gpg("--faked-system-time", "20240201T120000!", "--quick-add-key", key, "cv25519", "encr", "1d")
    person.gpg("--quick-add-key", key, "cv25519", "encr")
    whole = person.export(key)
    assert await at.proved(whole) is Fate.ENROLLED
    assert len(encrypting(await at.entry())) == 1
    await MergePolicy(at.store.certificates, EXAMINER).learn([await read(whole)])
    assert len(encrypting(await at.entry())) == 1, "who publishes the key elsewhere brings one that nobody proved"


@pytest.mark.parametrize("origin", [Origin.HARVESTED, Origin.VKS])
async def test_a_key_that_is_known_without_a_proof_is_challenged_and_keeps_no_other_subkey(
    at: Bench, person: Correspondent, origin: Origin
) -> None:
    """A held mail waits for it: what came with mail is not enough for the rule."""
    key = person.new_key(f"Bob <{BOB}>", expires="10y")
    person.gpg("--quick-add-key", key, "cv25519", "encr")
    await at.imported(person.export(key), origin)
    assert await at.proved(person.export(key)) is Fate.ENROLLED
    assert await at.entries() == {key: (Origin.ENROLLED, False)}
    assert len(encrypting(await at.entry())) == 1


async def test_its_own_directory_brings_another_subkey(at: Bench, person: Correspondent) -> None:
    key = person.new_key(f"Bob <{BOB}>", expires="10y")
    assert await at.proved(person.export(key)) is Fate.ENROLLED
    person.gpg("--quick-add-key", key, "cv25519", "encr")
    news, merge_policy = await read(person.export(key)), MergePolicy(at.store.certificates, EXAMINER)
    await merge_policy.keep(news, Origin.VKS, BOB)
    assert len(encrypting(await at.entry())) == 1
    await merge_policy.keep(news, Origin.WKD, BOB)
    assert len(encrypting(await at.entry())) == 2


async def test_a_revoked_subkey_counts_at_once_and_the_one_in_its_place_is_proved_first(
    at: Bench, person: Correspondent
) -> None:
    key = person.new_key(f"Bob <{BOB}>", expires="10y")
    assert await at.proved(person.export(key)) is Fate.ENROLLED
    person.gpg("--command-fd", "0", "--edit-key", key, data=b"key 1\nrevkey\ny\n0\n\ny\nsave\n")
    person.gpg("--quick-add-key", key, "cv25519", "encr")
    judged = await at.enrolling.judge(person.export(key), BOB)
    assert isinstance(judged, Certificate)
    assert (await at.entry()).unusable(time.time()) is Why.SUBKEY_REVOKED
    assert await at.enrolling.enrol(judged.data, BOB) is Fate.ENROLLED
    assert (await at.entry()).unusable(time.time()) is None


async def test_a_revocation_counts_at_once(at: Bench) -> None:
    pair = make_keypair(f"Bob <{BOB}>")
    await at.proved(pair.public)
    primary, *rest = split(pair.public)
    assert await at.enrolling.judge(join([primary, (2, pair.revocation), *rest]), BOB) is Fate.RENEWED
    (entry,) = await at.store.certificates.by_address(BOB)
    assert entry.certificate.primary.revoked


async def test_somebody_elses_encryption_subkey_under_ones_own_primary_key_is_not_usable(at: Bench) -> None:
    """Its owner could read the challenge and confirm a key that is not theirs."""
    victim, attacker = split(make_keypair("<victim@ville.example>").public), split(make_keypair(f"<{BOB}>").public)
    stolen = [part for part in victim if part[0] == 14 or part is victim[-1]]
    grafted = join([*(part for part in attacker if part[0] != 14), *stolen])
    judged = await at.enrolling.judge(grafted, BOB)
    assert judged is Fate.UNUSABLE


async def test_an_enrolled_key_replaces_the_one_that_was_enrolled_before(at: Bench) -> None:
    old, new = make_keypair(f"<{BOB}>"), make_keypair(f"<{BOB}>")
    await at.proved(old.public)
    await at.proved(new.public)
    assert await at.entries() == {new.fingerprint: (Origin.ENROLLED, False)}


@pytest.mark.parametrize("origin", [Origin.IMPORTED, Origin.WKD])
async def test_beside_an_imported_key_it_is_proposed_and_beside_any_other_it_is_used(at: Bench, origin: Origin) -> None:
    other, new = make_keypair(f"<{BOB}>"), make_keypair(f"<{BOB}>")
    await at.imported(other.public, origin)
    proposed = origin is Origin.IMPORTED
    assert await at.proved(new.public) is (Fate.PROPOSED if proposed else Fate.ENROLLED)
    assert await at.entries() == {
        other.fingerprint: (origin, False),
        new.fingerprint: (Origin.ENROLLED, proposed),
    }


async def test_what_a_person_rejected_is_not_taken_and_what_is_no_key_is_not_either(at: Bench) -> None:
    other, new = make_keypair(f"<{BOB}>"), make_keypair(f"<{BOB}>")
    await at.imported(other.public)
    await at.proved(new.public)
    await at.store.certificates.reject(new.fingerprint)
    assert await at.enrolling.judge(new.public, BOB) is Fate.REJECTED
    for odd in (b"", b"x" * 100, other.public + new.public, make_keypair("<eve@ville.example>").public):
        assert await at.enrolling.judge(odd, BOB) is Fate.UNUSABLE
