"""What gpg has verified once it does not verify again, and nothing else becomes valid by that."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.certificates import Keypair, join, make_keypair, split
from lab.gnupghome import generate, gnupg_keypair, gpg, secret_key
from lab.readers import read_gnupg

from relay.mail import packets
from relay.mail.fingerprints import fingerprint
from relay.model import Certificate, Signer
from relay.model.errors import EngineError
from relay.openpgp import signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.signature_cache import SignatureCache

VALID = bytes.fromhex("b0 06 00 03 67706700")
"""gpg's note that the signature before it was verified and holds."""
COUNTING = """\
#!/bin/sh
echo "$*" >> {calls}
exec {real} "$@"
"""
LATER = """\
#!/bin/sh
exec {real} --faked-system-time {seconds} "$@"
"""
A_YEAR = 365 * 24 * 3600


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return gnupg_keypair("Bob <bob@example.org>")


@pytest.fixture
def instead_of_gpg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in its place."""

    def install(script: str) -> None:
        (tmp_path / "gpg").write_text(script)
        (tmp_path / "gpg").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return install


async def judged(octets: bytes) -> Certificate:
    (verdict,) = await GnuPGExaminer().examine([octets])
    assert isinstance(verdict, Certificate)
    return verdict


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


async def second(cache: SignatureCache, *certificates: bytes) -> bytes | None:
    """The keyring, where they are used for the second time."""
    assert await cache.keyring(certificates) is None
    return await cache.keyring(certificates)


def keys(certificate: bytes) -> list[str]:
    found = [
        packet for packet in packets.walk(certificate) if packet.tag in {packets.PUBLIC_KEY, packets.PUBLIC_SUBKEY}
    ]
    return [fingerprint(packets.body(certificate, packet)) for packet in found]


async def test_the_third_mail_to_a_certificate_is_one_call_that_verifies_nothing(
    home: Path, bob: Keypair, tmp_path: Path, instead_of_gpg: Callable[[str], None]
) -> None:
    calls = tmp_path / "calls"
    instead_of_gpg(COUNTING.format(calls=calls, real=shutil.which("gpg")))
    signer = Signer(secret_key(home))
    certificate = await judged(bob.public)
    engine = GnuPG(home)
    await engine.encrypt(b"first", [certificate], signer)
    await engine.encrypt(b"second", [certificate], signer)
    before = len(lines(calls))
    message = await engine.encrypt(b"third", [certificate], signer)

    (third,) = lines(calls)[before:]
    assert f"--recipient={certificate.fingerprint}" in third
    assert "--recipient-file" not in third
    assert read_gnupg(message, bob.secret, gpg(home, "--export", signer.fingerprint).stdout) == b"third"


async def test_each_signature_that_holds_is_noted(home: Path, bob: Keypair) -> None:
    keyring = await second(SignatureCache(home, 30), bob.public)
    assert keyring is not None
    signatures = [tag for tag, _ in split(bob.public)].count(packets.SIGNATURE)
    assert keyring.count(VALID) == signatures > 1


async def test_a_note_from_outside_makes_no_signature_valid(home: Path, bob: Keypair) -> None:
    """A stranger's subkey, bound by a signature that does not hold, and behind it the note that it does."""
    stranger = split(make_keypair("Eve <eve@example.org>").public)
    own = split(bob.public)
    subkey = next(part for part in reversed(stranger) if part[0] == packets.PUBLIC_SUBKEY)
    binding = next(part for part in reversed(own) if part[0] == packets.SIGNATURE)
    forged = join([*own, subkey, binding]) + VALID
    keyring = await second(SignatureCache(home, 30), forged)

    assert keyring is not None
    assert keys(keyring) == keys(bob.public)
    assert len(keys(forged)) == len(keys(keyring)) + 1


async def test_a_key_in_two_certificates_is_not_looked_up_by_its_fingerprint(home: Path, bob: Keypair) -> None:
    cache = SignatureCache(home, 30)
    eve = make_keypair("Eve <eve@example.org>").public
    whole = split(bob.public)
    subkey, binding = whole[-2:]
    assert await second(cache, bob.public, eve) is not None
    assert await second(cache, bob.public, join([*split(eve), subkey, binding])) is None


async def test_a_sender_who_writes_to_himself(home: Path) -> None:
    """His certificate signs, and is encrypted to."""
    own = gnupg_keypair("Me <me@hopital.example>")
    gpg(home, "--import", content=own.secret)
    certificate = await judged(own.public)
    engine = GnuPG(home)
    for text in (b"first", b"second", b"third"):
        message = await engine.encrypt(text, [certificate], Signer(certificate.fingerprint, certificate.data))
        assert read_gnupg(message, own.secret, own.public) == text


async def test_a_signing_key_that_is_revoked_while_the_relay_runs_signs_no_more(home: Path, bob: Keypair) -> None:
    signer = Signer(secret_key(home))
    certificate = await judged(bob.public)
    engine = GnuPG(home)
    for _ in range(3):
        await engine.encrypt(b"x", [certificate], signer)
    await signing.revoke(home, signer.fingerprint)
    with pytest.raises(EngineError):
        await engine.encrypt(b"x", [certificate], signer)


async def test_a_certificate_that_expires_is_refused_from_then_on(
    home: Path, instead_of_gpg: Callable[[str], None]
) -> None:
    """By gpg, to whose clock it has expired, also where it has verified it before."""
    key = generate(home, "Bob <bob@example.org>", expires="30d")
    certificate = await judged(gpg(home, "--export", key).stdout)
    engine = GnuPG(home)
    for _ in range(3):
        await engine.encrypt(b"x", [certificate], None)
    instead_of_gpg(LATER.format(real=shutil.which("gpg"), seconds=int(time.time()) + A_YEAR))
    with pytest.raises(EngineError):
        await engine.encrypt(b"x", [certificate], None)


async def test_the_home_keyring_is_not_searched(home: Path, bob: Keypair) -> None:
    """Where somebody has imported a certificate there, it is not the one that counts."""
    signer = Signer(secret_key(home))
    gpg(home, "--import", content=bob.secret)
    words = ("--pinentry-mode", "loopback", "--passphrase", "", "--quick-add-key", keys(bob.public)[0])
    gpg(home, *words, "cv25519", "encr", "never")
    certificate = await judged(bob.public)
    engine = GnuPG(home)
    for _ in range(3):
        message = await engine.encrypt(b"x", [certificate], signer)
        assert read_gnupg(message, bob.secret, gpg(home, "--export", signer.fingerprint).stdout) == b"x"
