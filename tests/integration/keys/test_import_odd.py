"""Odd things to import: revocations apart from their keys, keys without user ids, two keys of one address."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.forge import CERTIFICATION, DIRECT, REVOCATION, Key, Signed, ordinary, packet
from lab.key_site import Site, outcomes
from lab.shared import CASES

from relay.admin.key_import import Outcome
from relay.mail import packets
from relay.mail.armor import enarmor

BOB = "bob@odd.example"


def revocation(key: Key, by: Key | None = None) -> bytes:
    """A signature packet: the key's own, or by its designated revoker."""
    return (by or key).alone(Signed(REVOCATION, key.created + 5), key.body)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


async def test_a_revocation_that_stands_alone_is_applied_to_the_key_it_names(site: Site) -> None:
    key = Key()
    await site.imports(ordinary(BOB, key=key))
    [result] = await site.imports(enarmor(revocation(key), "PUBLIC KEY BLOCK"))
    assert (result.outcome, result.fingerprint) == (Outcome.UPDATED, key.fingerprint)
    assert outcomes(await site.decisions([BOB])) == {BOB: "Refuse"}


async def test_one_of_a_key_that_is_not_known_is_refused_in_words(site: Site) -> None:
    key = Key()
    [result] = await site.imports(revocation(key))
    assert (result.outcome, key.fingerprint in result.reason) == (Outcome.REFUSED, True)


async def test_one_that_is_forged_revokes_nothing(site: Site) -> None:
    key = Key()
    await site.imports(ordinary(BOB, key=key))
    [result] = await site.imports(key.alone(Signed(REVOCATION, key.created + 5, broken=True)))
    assert result.outcome is Outcome.REFUSED
    assert outcomes(await site.decisions([BOB])) == {BOB: "Encrypt"}


@pytest.mark.parametrize("order", ["revoker first", "revoker last", "together"])
async def test_a_key_revoked_by_its_designated_revoker_is_revoked_once_that_one_is_known(
    site: Site, order: str
) -> None:
    key, revoker = Key(), Key()
    named = key.alone(Signed(DIRECT, key.created, features=None, revoker=revoker.fingerprint))
    good = ordinary(BOB, key=key)
    revoked = key.primary + revocation(key, by=revoker) + named + good[len(key.primary) :]
    other = ordinary("revoker@odd.example", key=revoker)
    blobs = {"revoker first": [other, revoked], "revoker last": [revoked, other], "together": [revoked + other]}[order]
    results = await site.imports(*blobs)
    if order == "revoker last":
        assert any("designated revoker" in warning for warning in results[0].warnings)
    assert outcomes(await site.decisions([BOB])) == {BOB: "Refuse"}


async def test_a_lone_revocation_by_a_designated_revoker_was_refused(site: Site) -> None:
    """As `gpg --desig-revoke` writes it: it does not name the key that it revokes."""
    key, revoker = Key(), Key()
    named = key.alone(Signed(DIRECT, key.created, features=None, revoker=revoker.fingerprint))
    good = ordinary(BOB, key=key)
    other = ordinary("revoker@odd.example", key=revoker)
    await site.imports(key.primary + named + good[len(key.primary) :], other, ordinary("third@odd.example"))
    [forged] = await site.imports(revocation(Key(), by=revoker))
    assert forged.outcome is not Outcome.UPDATED
    assert outcomes(await site.decisions([BOB])) == {BOB: "Encrypt"}
    [told] = await site.imports(revocation(key, by=revoker))
    assert (told.outcome, told.fingerprint) == (Outcome.UPDATED, key.fingerprint)
    assert outcomes(await site.decisions([BOB, "revoker@odd.example", "third@odd.example"])) == {
        BOB: "Refuse", "revoker@odd.example": "Encrypt", "third@odd.example": "Encrypt"
    }  # fmt: skip


async def test_a_key_without_user_id_is_told_as_that_and_merged_with_the_key_that_is_known(site: Site) -> None:
    key = Key()
    bare = key.primary + revocation(key)
    [told] = await site.imports(ordinary(key=key))
    assert (told.outcome, "no user id" in told.reason) == (Outcome.REFUSED, True)
    _, merged = await site.imports(ordinary(BOB, key=key), bare)
    assert merged.outcome is Outcome.UPDATED
    assert outcomes(await site.decisions([BOB])) == {BOB: "Refuse"}


async def test_of_two_usable_keys_the_newest_is_used_and_the_import_says_so(site: Site) -> None:
    old, new = Key(created=1_500_000_000), Key(created=1_600_000_000)
    for first, second in ((old, new), (new, old)):
        results = await site.imports(ordinary(BOB, key=first), ordinary(BOB, key=second))
        assert any(f"2 usable keys: the newest is used, {new.fingerprint}" in w for w in results[-1].warnings)
    [decision] = (await site.decisions([BOB])).values()
    assert decision.found.certificate.fingerprint == new.fingerprint  # type: ignore[union-attr]  # it is encrypted


@pytest.mark.skipif(not (CASES / "designated-revoker.asc").exists(), reason="../shared/cases is not there")
@pytest.mark.parametrize(
    ("file", "addresses"),
    [
        ("designated-revoker.asc", "desig@ville.example"),
        ("narrowed-expiry.pgp", "hal@ville.example hal.private@ville.example"),
        ("allmd5.gpg", "allmd5@pref.example"),
        ("uid-two-addresses.asc", "one@pref.example two@pref.example"),
        ("uid-mailto.asc", "mt@pref.example"),
        ("p192-subkey.pgp", "UnknownOID@example.com"),
        ("v3.pgp", "davidlw@feist.com"),
        ("v6.pgp", "david@openpgp.example"),
        ("created-in-2030.pgp", "created@2030.org"),
        ("uid-unclosed-bracket.pgp", "pink@openkeychain.org"),
    ],
)
async def test_what_failed_once_is_refused_and_never_clear(site: Site, file: str, addresses: str) -> None:
    await site.imports((CASES / file).read_bytes())
    assert set(outcomes(await site.decisions(addresses.split())).values()) == {"Refuse"}


def test_the_forged_packets_frame_rightly() -> None:
    key = Key()
    assert [p.tag for p in packets.walk(ordinary(BOB, key=key))] == [6, 13, 2, 14, 2]
    assert packet(6, key.body) == key.primary
    assert key.sign(Signed(CERTIFICATION, key.created), b"").startswith(b"\xc2\xff")
