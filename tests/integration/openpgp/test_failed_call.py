"""What a failing gpg wrote is used for that one mail alone: as soon as gpg works again, so does mail.

The engine remembers certificates as gpg wrote them. A relay that remembered spoilt ones would put off mail until its
next start.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from lab.badgpg import SPOILT, BadGpg
from lab.certificates import Keypair, make_keypair
from lab.gnupghome import generate, gnupg_keypair, gpg, secret_key
from lab.readers import read_gnupg

from relay.keys.current import CurrentCertificates
from relay.keys.merge_policy import MergePolicy
from relay.mail import packets
from relay.model import Address, Certificate, Entry, Origin, Signer
from relay.model.errors import EngineError, StoreError
from relay.openpgp import signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG, check_signature
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.sequoia import Sequoia
from relay.store import Store

LESS = ("exit2", "killed", "half", "half, killed", "status missing", "nothing", "garbage")
"""Ways that are no forger's."""
WAYS = ("exit2", "killed", *(way for way in SPOILT if way != "endless"))


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return gnupg_keypair("Bob <bob@example.org>")


@pytest.fixture
def bad_gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BadGpg:
    bad = BadGpg(tmp_path / "bin", make_keypair("<mallory@evil.example>").public)
    monkeypatch.setenv("PATH", f"{bad.folder}:/usr/bin:/bin")
    return bad


async def judged(octets: bytes) -> Certificate:
    (verdict,) = await GnuPGExaminer().examine([octets])
    assert isinstance(verdict, Certificate)
    return verdict


@pytest.mark.parametrize("served_before", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
async def test_what_a_failing_gpg_wrote_is_not_remembered(
    home: Path, bob: Keypair, bad_gpg: BadGpg, way: str, served_before: int
) -> None:
    """A mail's first call reads the signing key, its second one has the certificates verified."""
    signer = Signer(secret_key(home))
    certificate = await judged(bob.public)
    engine = GnuPG(home)
    for _ in range(served_before):
        await engine.encrypt(b"before", [certificate], signer)
    bad_gpg.do(way)
    for _ in range(2):
        with suppress(EngineError):
            await engine.encrypt(b"meanwhile", [certificate], signer)
        with suppress(EngineError):
            await engine.sign(b"meanwhile", signer)
    bad_gpg.do("")

    own = gpg(home, "--export", signer.fingerprint).stdout
    for _ in range(3):
        message = await engine.encrypt(b"after", [certificate], signer)
        assert read_gnupg(message, bob.secret, own) == b"after"
    signature = await engine.sign(b"after", signer)
    assert [packet.tag for packet in packets.walk(signature)] == [packets.SIGNATURE]


@pytest.mark.parametrize("way", WAYS)
async def test_no_key_is_half_judged_by_a_failing_gpg(bob: Keypair, bad_gpg: BadGpg, way: str) -> None:
    expected = await judged(bob.public)
    bad_gpg.do(way)
    try:
        (verdict,) = await GnuPGExaminer().examine([bob.public])
    except EngineError:
        return
    assert verdict == expected or (isinstance(verdict, Certificate) and verdict.fault)


@pytest.mark.parametrize("how", ["merged", "read again"])
@pytest.mark.parametrize("way", ["KILL at keys", "ABRT at keys"])
async def test_a_stored_key_lost_its_subkeys_because_gpg_broke_off_when_it_read_the_key_again(
    bob: Keypair, bad_gpg: BadGpg, tmp_path: Path, way: str, how: str
) -> None:
    """The machine may be out of memory. The primary key alone was stored then, and nobody may have the rest."""
    examiner, address, other = GnuPGExaminer(), Address("bob@example.org"), Address("bob@example.net")
    known = replace(await judged(bob.public), holds_until=1 if how == "read again" else None)
    news = await judged(bob.public + packets.packet(packets.USER_ID, b"<bob@example.net>"))
    async with await Store.open(tmp_path / "s.db") as store:
        await store.certificates.upsert([Entry(known, Origin.IMPORTED, 0)], {known.fingerprint: None})
        bad_gpg.do(way)
        with suppress(EngineError, StoreError):
            if how == "merged":
                await MergePolicy(store.certificates, examiner).keep(news, Origin.LDAP, other)
            else:
                await CurrentCertificates(store.certificates, examiner, {4}).by_address(address)
        (entry,) = await store.certificates.by_address(address)
        assert entry.certificate.data == known.data
        bad_gpg.do("")
        (entry,) = await CurrentCertificates(store.certificates, examiner, {4}).by_address(address)
        assert entry.certificate.data == known.data
        assert entry.certificate.unusable(time.time(), address) is None


async def test_a_key_counted_as_unreadable_because_gpg_was_killed(bob: Keypair, bad_gpg: BadGpg) -> None:
    bad_gpg.do("KILL at keys")
    with pytest.raises(EngineError):
        await judged(bob.public)


@pytest.mark.parametrize("way", LESS)
async def test_half_the_organisations_certificate_was_remembered_or_written_down(
    home: Path, bad_gpg: BadGpg, way: str
) -> None:
    """No certificate of an own address was made until the next start, and a node's own key was spoilt for good."""
    made = await signing.generate_organisation(home, "Hospital")
    own = await signing.export_binary(home, made.fingerprint)
    bad_gpg.do(way)
    with suppress(EngineError):
        assert await signing.export_binary(home, made.fingerprint) == own


@pytest.mark.parametrize("way", LESS)
async def test_no_certificate_of_an_own_address_is_half_what_a_failing_gpg_made(
    home: Path, bad_gpg: BadGpg, way: str
) -> None:
    organisation = await signing.generate_organisation(home, "Hospital")
    data = await signing.export_binary(home, organisation.fingerprint)
    maker = GnuPGKeyMaker(home, organisation.fingerprint, data, None)
    bad_gpg.do(way)
    with suppress(EngineError):
        for key in await maker.make([Address("bob@example.org")], 1000.0):
            tags = [packet.tag for packet in packets.walk(key.data)]
            assert (tags.count(packets.PUBLIC_SUBKEY), tags[-1], len(key.subkeys)) == (2, packets.SIGNATURE, 1)
    bad_gpg.do("")
    (key,) = await maker.make([Address("bob@example.org")], 1000.0)
    assert len(key.subkeys) == 1


async def test_sequoia_signed_with_no_key_while_gpg_hung_over_another(home: Path, bad_gpg: BadGpg) -> None:
    """A key that is open needs no gpg any more."""
    opened, other = [Signer((await signing.generate(home, n, f"{n}@example.org")).fingerprint) for n in ("bob", "eve")]
    engine = Sequoia(home)
    await engine.sign(b"before", opened)
    bad_gpg.do("hang")
    waiting = asyncio.create_task(engine.sign(b"meanwhile", other))
    await asyncio.sleep(0)  # it has begun, and waits for gpg
    await asyncio.wait_for(engine.sign(b"meanwhile", opened), 10)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait({waiting})
    bad_gpg.do("")
    for signer in (opened, other):
        check_signature(await engine.sign(b"after", signer))


@pytest.mark.parametrize("way", LESS)
async def test_a_failing_gpg_said_that_an_authority_did_not_certify_a_key(
    home: Path, bad_gpg: BadGpg, way: str
) -> None:
    """For a day the key was one that nobody vouches for."""
    bob, authority = (generate(home, f"{name} <{name}@example.org>") for name in ("bob", "authority"))
    gpg(home, "--yes", "--local-user", authority, "--quick-sign-key", bob)
    key, other = (gpg(home, "--export", one).stdout for one in (bob, authority))
    bad_gpg.do(way)
    with suppress(EngineError):
        assert await GnuPGExaminer().certified_by(key, other) == {Address("bob@example.org")}
