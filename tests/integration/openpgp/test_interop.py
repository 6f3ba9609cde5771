"""What the engine writes, read by other people's software: each kind of key, each reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pysequoia
import pytest
from lab.certificates import Keypair, make_keypair
from lab.gnupghome import generate, gnupg_home, gpg, secret_key
from lab.readers import READERS
from lab.shared import CERTS, needs_certs, octets

from relay.model import Certificate
from relay.openpgp.examine import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG

PAYLOAD = b"Content-Type: text/plain; charset=utf-8\r\n\r\nr\xc3\xa9sultats\r\n" * 200

SUITES = {
    "RSA-3072": pysequoia.CipherSuite.RSA3k,
    "cv25519": pysequoia.CipherSuite.Cv25519,
    "NIST P-256": pysequoia.CipherSuite.P256,
}


@pytest.fixture(scope="module")
def relay() -> Iterator[tuple[Path, str, bytes]]:
    with gnupg_home() as home:
        signer = secret_key(home)
        yield home, signer, gpg(home, "--export", signer).stdout


@pytest.fixture(scope="module", params=SUITES)
def recipient(request: pytest.FixtureRequest) -> Keypair:
    return make_keypair("Bob <bob@example.org>", suite=SUITES[request.param])


async def sealed(relay: tuple[Path, str, bytes], *blobs: bytes) -> bytes:
    certificates = await GnuPGExaminer().examine(blobs)
    assert all(isinstance(certificate, Certificate) for certificate in certificates)
    return await GnuPG(relay[0]).seal(PAYLOAD, [c for c in certificates if isinstance(c, Certificate)], relay[1])


@pytest.mark.parametrize("reader", READERS)
async def test_it_decrypts_and_verifies(relay: tuple[Path, str, bytes], recipient: Keypair, reader: str) -> None:
    message = await sealed(relay, recipient.public)
    assert READERS[reader](message, recipient.secret, relay[2]) == PAYLOAD


@pytest.mark.parametrize("reader", READERS)
async def test_a_key_that_gnupg_made(relay: tuple[Path, str, bytes], reader: str) -> None:
    with gnupg_home() as home:
        made = generate(home, "Bob <bob@example.org>")
        message = await sealed(relay, gpg(home, "--export", made).stdout)
        secret = gpg(home, "--passphrase", "", "--export-secret-keys", made).stdout
    assert READERS[reader](message, secret, relay[2]) == PAYLOAD


@needs_certs
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["alice", "bob", "ricarda"])
async def test_the_drafts_sample_keys(relay: tuple[Path, str, bytes], name: str, reader: str) -> None:
    samples = CERTS / "bre-samples"
    message = await sealed(relay, octets(samples / f"{name}.pgp"))
    assert READERS[reader](message, octets(samples / f"{name}-secret.pgp"), relay[2]) == PAYLOAD
