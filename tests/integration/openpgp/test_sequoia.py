"""The engine in process: what it promises beyond the contract that it shares with GnuPG."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pysequoia
import pytest
from lab.certificates import make_keypair
from lab.forge import keypair
from lab.gnupghome import gnupg_home, gnupg_keypair, gpg, stop_agent
from lab.shared import CASES

from relay.mail import packets
from relay.model import Certificate, Signer
from relay.model.errors import EngineError
from relay.openpgp import call, signing
from relay.openpgp.sequoia import Sequoia, SequoiaExaminer

PAYLOAD = b"Content-Type: text/plain\r\n\r\nthe payload\r\n"


@pytest.fixture
def modern() -> pysequoia.Tsk:
    return pysequoia.Tsk.generate("Bob <bob@modern.example>", profile=pysequoia.Profile.RFC9580)


async def judged(*blobs: bytes) -> list[Certificate]:
    verdicts = await SequoiaExaminer().examine(blobs)
    return [verdict for verdict in verdicts if isinstance(verdict, Certificate)]


def version(message: bytes) -> int:
    """Of the encrypted data packet, which is the last one."""
    *_, data = packets.walk(message)
    assert data.tag == packets.SEIPD
    return message[data.body_start]


def read(message: bytes, secret: pysequoia.Tsk) -> bytes | None:
    return pysequoia.decrypt(message, decryptor=secret.decryptor()).bytes


async def test_a_version_6_certificate_gets_version_2_of_the_encrypted_data(home: Path, modern: pysequoia.Tsk) -> None:
    """RFC 9580 section 5.13.2."""
    certificates = await judged(bytes(modern.extract_certificate()))
    assert [(one.version, one.unusable(time.time())) for one in certificates] == [(6, None)]

    message = await Sequoia(home).encrypt(PAYLOAD, certificates, None)

    assert version(message) == 2
    assert read(message, modern) == PAYLOAD


async def test_beside_one_of_version_4_that_asks_for_version_1_all_get_that(home: Path, modern: pysequoia.Tsk) -> None:
    alice = gnupg_keypair("Alice <alice@ordinary.example>")
    certificates = await judged(bytes(modern.extract_certificate()), alice.public)
    assert [one.version for one in certificates] == [6, 4]

    message = await Sequoia(home).encrypt(PAYLOAD, certificates, None)

    assert version(message) == 1
    assert read(message, modern) == read(message, pysequoia.Tsk.from_bytes(alice.secret)) == PAYLOAD


FEATURES = (None, 0, 1, 9, 8)


async def test_version_2_goes_only_to_certificates_that_announce_it(
    home: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every pair of what two certificates announce; GnuPG reads each message that has one without version 2."""
    pairs = {features: keypair(f"<f{features}@x.example>", features=features) for features in FEATURES}
    versions: Counter[int] = Counter()
    for one, other in itertools.combinations_with_replacement(FEATURES, 2):
        certificates = await judged(pairs[one].public, pairs[other].public)
        assert [certificate.features for certificate in certificates] == [one, other]

        message = await Sequoia(home).encrypt(PAYLOAD, certificates, None)

        both = all(features in {8, 9} for features in (one, other))
        assert version(message) == (2 if both else 1), (one, other)
        assert read(message, pysequoia.Tsk.from_bytes(pairs[one].secret)) == PAYLOAD
        if not both:
            with gnupg_home() as theirs:
                gpg(theirs, "--import", content=pairs[other].secret)
                assert gpg(theirs, "--decrypt", content=message).stdout == PAYLOAD
        versions[version(message)] += 1
    record_property("counted", f"pairs of Features: {dict(versions)} messages by version")


@pytest.mark.skipif(not (CASES / "v4-no-features.pgp").exists(), reason="../shared/cases is not there")
async def test_a_foreign_certificate_without_features_gets_version_1(home: Path) -> None:
    certificates = await judged((CASES / "v4-no-features.pgp").read_bytes())
    assert version(await Sequoia(home).encrypt(PAYLOAD, certificates, None)) == 1


async def test_one_of_version_6_beside_one_without_features_is_encrypted_apart(
    home: Path, modern: pysequoia.Tsk
) -> None:
    """No message serves both, which the pipeline then finds out (`relay.pipeline.encrypt_all`)."""
    silent = keypair("<silent@x.example>", features=None)
    both = await judged(bytes(modern.extract_certificate()), silent.public)
    with pytest.raises(EngineError):
        await Sequoia(home).encrypt(PAYLOAD, both, None)
    assert [version(await Sequoia(home).encrypt(PAYLOAD, [one], None)) for one in both] == [2, 1]


async def test_a_protected_signing_key_is_opened_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = make_keypair("Bob <bob@ordinary.example>")
    certificates = await judged(bob.public)
    made = await signing.generate(home, "Relay", "relay@hopital.example", b"secret")
    stop_agent(home)  # so that it forgets the passphrase
    exports: list[str] = []
    run = call.run

    async def counted(place: Path, *arguments: str, **options: object) -> call.Result:
        exports.extend(word for word in arguments if word == "--export-secret-keys")
        return await run(place, *arguments, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(call, "run", counted)
    engine = Sequoia(home, passphrase=b"secret")
    encrypted = await asyncio.gather(
        *(engine.encrypt(PAYLOAD, certificates, Signer(made.fingerprint)) for _ in range(3))
    )
    encrypted.append(await engine.encrypt(PAYLOAD, certificates, Signer(made.fingerprint)))

    assert len(exports) == 1
    public = pysequoia.Cert.from_bytes(made.armored_public.encode())
    for message in encrypted:
        opened = pysequoia.decrypt(
            message, decryptor=pysequoia.Tsk.from_bytes(bob.secret).decryptor(), store=lambda _: [public]
        )
        assert [opened.bytes, len(opened.valid_sigs)] == [PAYLOAD, 1]


@pytest.mark.parametrize("passphrase", [b"wrong", None])
async def test_a_protected_signing_key_does_not_open_by_another_word(home: Path, passphrase: bytes | None) -> None:
    made = await signing.generate(home, "Relay", "relay@hopital.example", b"secret")
    certificates = await judged(make_keypair("Bob <bob@ordinary.example>").public)
    stop_agent(home)
    with pytest.raises(EngineError):
        await Sequoia(home, passphrase=passphrase).encrypt(PAYLOAD, certificates, Signer(made.fingerprint))
