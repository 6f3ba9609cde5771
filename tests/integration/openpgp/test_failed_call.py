"""What a failing gpg wrote is used for that one mail alone: as soon as gpg works again, so does mail.

The engine remembers certificates as gpg wrote them. A relay that remembered spoilt ones would put off mail until its
next start.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from lab.badgpg import SPOILT, BadGpg
from lab.certificates import Keypair, make_keypair
from lab.gnupghome import gnupg_keypair, gpg, secret_key
from lab.readers import read_gnupg

from relay.mail import packets
from relay.model import Certificate, Signer
from relay.model.errors import EngineError
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG

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
