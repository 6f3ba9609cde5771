"""What every `ports.Engine` promises. Another engine joins by a line in ENGINES."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from lab.certificates import Keypair, fingerprint, join, make_certificates, split
from lab.gnupghome import expired_certificate, generate, gnupg_home, gnupg_keypair, gpg, secret_key
from lab.readers import READERS, read_gnupg, read_sequoia
from lab.shared import Row, needs_certs, octets, public_half, table

from relay.mail import packets
from relay.mail.certificate_parts import without_subkeys
from relay.model import Address, Certificate, Signer
from relay.model.errors import EngineError
from relay.model.own import OwnKey
from relay.openpgp import signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.sequoia import Sequoia, SequoiaKeyMaker
from relay.pipeline.ports import Engine

ENGINES: dict[str, Callable[[Path], Engine]] = {"gnupg": GnuPG, "sequoia": Sequoia}

PAYLOAD = b"Content-Type: text/plain\r\n\r\nr\xe9sultats \x00\r\n.\r\n\r\n"


@pytest.fixture(scope="module")
def home() -> Iterator[tuple[Path, str, bytes]]:
    """A GnuPG home with a signing key, its fingerprint and its public half."""
    with gnupg_home() as path:
        signer = secret_key(path)
        yield path, signer, gpg(path, "--export", signer).stdout


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, home: tuple[Path, str, bytes]) -> Engine:
    return ENGINES[request.param](home[0])


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return gnupg_keypair("Bob <bob@example.org>")


async def judged(*blobs: bytes) -> list[Certificate]:
    verdicts = await GnuPGExaminer().examine(blobs)
    assert all(isinstance(verdict, Certificate) for verdict in verdicts)
    return [verdict for verdict in verdicts if isinstance(verdict, Certificate)]


@pytest.mark.parametrize("reader", READERS)
async def test_what_is_encrypted_decrypts_to_the_same_octets(engine: Engine, bob: Keypair, reader: str) -> None:
    message = await engine.encrypt(PAYLOAD, await judged(bob.public), None)
    assert READERS[reader](message, bob.secret, None) == PAYLOAD


@pytest.mark.parametrize("reader", READERS)
async def test_the_signature_inside_verifies(
    engine: Engine, home: tuple[Path, str, bytes], bob: Keypair, reader: str
) -> None:
    message = await engine.encrypt(PAYLOAD, await judged(bob.public), Signer(home[1]))
    assert READERS[reader](message, bob.secret, home[2]) == PAYLOAD


async def test_the_cipher_is_aes_256(engine: Engine, bob: Keypair) -> None:
    message = await engine.encrypt(PAYLOAD, await judged(bob.public), None)
    with gnupg_home() as theirs:
        gpg(theirs, "--import", content=bob.secret)
        told = gpg(theirs, "--decrypt", content=message).stderr
    assert b"DECRYPTION_INFO 2 9" in told  # an MDC; RFC 9580 section 9.3


async def test_a_part_that_must_not_be_used_gets_no_session_key(engine: Engine) -> None:
    with gnupg_home() as theirs:
        key = generate(theirs, "Twice <twice@example.org>")
        then = ("--faked-system-time", "20300101T000000!")
        gpg(theirs, "--passphrase", "", "--quick-add-key", key, "cv25519", "encr", "1d", *then, check=False)
        gpg(theirs, *then, "--passphrase", "", "--quick-add-key", key, "cv25519", "encr", "never")
        [certificate] = await judged(gpg(theirs, "--export", key).stdout)
    usable = [component.key_id for component in certificate.encryption_components(time.time())]
    assert len(usable) < sum(component.encrypts for component in certificate.components)
    message = await engine.encrypt(PAYLOAD, [certificate], None)
    named = [packets.pkesk_key_id(packets.body(message, p)) for p in packets.walk(message) if p.tag == packets.PKESK]
    assert named == usable


@needs_certs
@pytest.mark.parametrize("row", [row for row in table() if row.certificates], ids=lambda row: row.file)
async def test_it_encrypts_for_the_real_certificates_that_gnupg_uses_and_for_no_others(
    engine: Engine, row: Row
) -> None:
    [verdict] = await GnuPGExaminer().examine([public_half(octets(row.path))])
    if isinstance(verdict, Certificate):
        try:
            message = await engine.encrypt(PAYLOAD, [verdict], None)
        except EngineError:
            message = b""
        assert bool(message) is row.gpg22
    else:
        assert not row.gpg22


@pytest.mark.parametrize("payload", [b"", b"\r\n", os.urandom(3_000_000)], ids=["empty", "one line", "3 MB"])
async def test_any_size_is_encrypted(
    engine: Engine, home: tuple[Path, str, bytes], bob: Keypair, payload: bytes
) -> None:
    message = await engine.encrypt(payload, await judged(bob.public), Signer(home[1]))
    assert read_gnupg(message, bob.secret, home[2]) == payload


async def test_it_is_binary_pkesks_and_one_seipdv1_and_nothing_else(engine: Engine, bob: Keypair) -> None:
    message = await engine.encrypt(PAYLOAD * 1000, await judged(bob.public), None)
    first, second = packets.walk(message)
    assert (first.tag, second.tag) == (packets.PKESK, 18)
    assert message[second.body_start] == 1
    assert len(message) > len(PAYLOAD) * 1000  # nothing was compressed


async def test_every_session_key_packet_names_a_component_we_may_encrypt_to(engine: Engine) -> None:
    certificates = await judged(*make_certificates(3))
    message = await engine.encrypt(PAYLOAD, certificates, None)
    named = {packets.pkesk_key_id(packets.body(message, p)) for p in packets.walk(message) if p.tag == packets.PKESK}
    assert named == {c.key_id for cert in certificates for c in cert.encryption_components(time.time())}


async def test_each_of_several_recipients_can_read_it(
    engine: Engine, home: tuple[Path, str, bytes], bob: Keypair
) -> None:
    others = [gnupg_keypair("Eve <eve@example.org>"), gnupg_keypair("Ann <ann@example.org>")]
    message = await engine.encrypt(PAYLOAD, await judged(bob.public, *(o.public for o in others)), Signer(home[1]))
    for pair in (bob, *others):
        assert read_gnupg(message, pair.secret, home[2]) == PAYLOAD


async def test_two_hundred_recipients_share_one_message(engine: Engine, bob: Keypair) -> None:
    certificates = await judged(*make_certificates(199), bob.public)
    message = await engine.encrypt(PAYLOAD, certificates, None)
    assert [p.tag for p in packets.walk(message)] == [packets.PKESK] * 200 + [18]
    assert read_gnupg(message, bob.secret, None) == PAYLOAD


async def test_a_certificate_named_twice_is_one_recipient(engine: Engine, bob: Keypair) -> None:
    message = await engine.encrypt(PAYLOAD, (await judged(bob.public)) * 2, None)
    assert [p.tag for p in packets.walk(message)] == [packets.PKESK, 18]


async def test_many_at_once_each_get_their_own(engine: Engine, home: tuple[Path, str, bytes], bob: Keypair) -> None:
    certificates = await judged(bob.public)
    payloads = [str(number).encode() * 1000 for number in range(24)]
    messages = await asyncio.gather(*(engine.encrypt(payload, certificates, Signer(home[1])) for payload in payloads))
    for payload, message in list(zip(payloads, messages, strict=True))[::6]:
        assert read_sequoia(message, bob.secret, home[2]) == payload


async def test_nobody_to_encrypt_for_is_an_error(engine: Engine) -> None:
    with pytest.raises(EngineError):
        await engine.encrypt(PAYLOAD, [], None)


async def test_an_expired_certificate_is_refused(engine: Engine) -> None:
    with gnupg_home() as other:
        certificates = await judged(expired_certificate(other))
    with pytest.raises(EngineError):
        await engine.encrypt(PAYLOAD, certificates, None)


async def test_a_revoked_certificate_is_refused(engine: Engine, bob: Keypair) -> None:
    primary, *rest = split(bob.public)
    revoked = await judged(join([primary, (2, bob.revocation), *rest]))
    with pytest.raises(EngineError):
        await engine.encrypt(PAYLOAD, revoked, None)


async def test_one_that_cannot_be_encrypted_for_fails_the_whole_message(engine: Engine, bob: Keypair) -> None:
    good, bad = await judged(bob.public, *make_certificates(1))
    with pytest.raises(EngineError):
        await engine.encrypt(PAYLOAD, [good, replace(bad, data=bad.data[:200])], None)


@pytest.mark.parametrize("signer", ["F" * 40, "", "relay@hopital.example", "--armor"])
async def test_a_signing_key_that_is_not_there_is_an_error(engine: Engine, bob: Keypair, signer: str) -> None:
    with pytest.raises(EngineError):
        await engine.encrypt(PAYLOAD, await judged(bob.public), Signer(signer))


async def test_a_certificate_without_a_usable_subkey_is_refused(engine: Engine, bob: Keypair) -> None:
    parts = split(bob.public)
    cut = parts.index(next(part for part in parts if part[0] == 14))
    certificates = await judged(join(parts[:cut]))
    assert certificates[0].fingerprint == fingerprint(bob.public)
    with pytest.raises(EngineError):
        await engine.encrypt(PAYLOAD, certificates, None)


@pytest.fixture(scope="module")
def own(home: tuple[Path, str, bytes]) -> list[OwnKey]:
    """Own addresses, two of each maker; their certificates are not in the keyring, and the first cannot decrypt."""
    return asyncio.run(_own(home))


async def _own(home: tuple[Path, str, bytes]) -> list[OwnKey]:
    organisation = await signing.generate_organisation(home[0], "Hôpital Exemple")
    data = await signing.export_binary(home[0], organisation.fingerprint)
    made: list[OwnKey] = []
    for number, maker in enumerate((GnuPGKeyMaker, SequoiaKeyMaker)):
        addresses = [Address(f"{who}{number}@hopital.example") for who in ("dr.martin", "accueil")]
        made += await maker(home[0], organisation.fingerprint, data, None).make(addresses, 86400)
    await GnuPGKeyMaker(home[0], organisation.fingerprint, data, None).forget(made[0].subkeys[0])
    return made


def signer_of(key: OwnKey) -> Signer:
    return Signer(key.fingerprint, without_subkeys(key.data, frozenset(subkey.fingerprint for subkey in key.subkeys)))


def who_signed(content: bytes, signature: bytes, *certificates: bytes) -> str:
    """The fingerprint of the primary key, as gpg verifies it."""
    with gnupg_home() as theirs:
        gpg(theirs, "--import", content=b"".join(certificates))
        (theirs / "signature").write_bytes(signature)
        told = gpg(theirs, "--verify", str(theirs / "signature"), "-", content=content).stderr
    return next(line.split()[-1].decode() for line in told.splitlines() if b" VALIDSIG " in line)


@pytest.mark.parametrize("which", ["configured", "own"])
async def test_a_detached_signature_is_over_these_very_octets(
    engine: Engine, home: tuple[Path, str, bytes], own: list[OwnKey], which: str
) -> None:
    signer = Signer(home[1]) if which == "configured" else signer_of(own[0])
    signature = await engine.sign(PAYLOAD, signer)
    (packet,) = packets.walk(signature)
    assert packet.tag == packets.SIGNATURE
    known = (home[2], *(key.data for key in own))
    assert who_signed(PAYLOAD, signature, *known) == signer.fingerprint
    with pytest.raises(subprocess.CalledProcessError):
        who_signed(PAYLOAD.replace(b"\r\n", b"\n"), signature, *known)


async def test_each_own_address_signs_with_its_own_key(engine: Engine, own: list[OwnKey], bob: Keypair) -> None:
    for key in (*own, own[0]):
        message = await engine.encrypt(PAYLOAD, await judged(bob.public), signer_of(key))
        assert read_gnupg(message, bob.secret, key.data) == PAYLOAD
        assert read_sequoia(message, bob.secret, key.data) == PAYLOAD


async def test_an_own_address_whose_secret_is_not_here_signs_nothing(engine: Engine, own: list[OwnKey]) -> None:
    with gnupg_home() as elsewhere:
        there = await signing.generate_organisation(elsewhere, "Ailleurs")
        data = await signing.export_binary(elsewhere, there.fingerprint)
        (stranger,) = await GnuPGKeyMaker(elsewhere, there.fingerprint, data, None).make([own[0].address], 86400)
    for signer in (Signer(stranger.fingerprint, stranger.data), Signer(stranger.fingerprint, own[0].data)):
        with pytest.raises(EngineError):
            await engine.sign(PAYLOAD, signer)


async def test_keys_of_own_addresses_sign_where_others_need_a_passphrase(
    engine: Engine, home: tuple[Path, str, bytes], own: list[OwnKey]
) -> None:
    with_passphrase = (GnuPG if isinstance(engine, GnuPG) else Sequoia)(home[0], passphrase=b"secret")
    signature = await with_passphrase.sign(PAYLOAD, signer_of(own[1]))
    assert who_signed(PAYLOAD, signature, own[1].data) == own[1].fingerprint
