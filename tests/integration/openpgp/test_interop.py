"""What the engine writes, read by other people's software: each kind of key, each reader."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pysequoia
import pytest
from lab.certificates import Keypair, make_keypair
from lab.gnupghome import generate, gnupg_home, gpg, secret_key
from lab.readers import READERS
from lab.relay import Relay
from lab.rfc9580_keys import EDDSA, make_rfc9580_keypair
from lab.shared import CERTS, needs_certs, octets

from relay.model import Address, Certificate, Signer, Why
from relay.openpgp.examiner import GnuPGExaminer
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


async def encrypted(relay: tuple[Path, str, bytes], *blobs: bytes) -> bytes:
    certificates = await GnuPGExaminer().examine(blobs)
    assert all(isinstance(certificate, Certificate) for certificate in certificates)
    return await GnuPG(relay[0]).encrypt(
        PAYLOAD, [c for c in certificates if isinstance(c, Certificate)], Signer(relay[1])
    )


@pytest.mark.parametrize("reader", READERS)
async def test_it_decrypts_and_verifies(relay: tuple[Path, str, bytes], recipient: Keypair, reader: str) -> None:
    message = await encrypted(relay, recipient.public)
    assert READERS[reader](message, recipient.secret, relay[2]) == PAYLOAD


@pytest.mark.parametrize("reader", READERS)
async def test_a_key_that_gnupg_made(relay: tuple[Path, str, bytes], reader: str) -> None:
    with gnupg_home() as home:
        made = generate(home, "Bob <bob@example.org>")
        message = await encrypted(relay, gpg(home, "--export", made).stdout)
        secret = gpg(home, "--passphrase", "", "--export-secret-keys", made).stdout
    assert READERS[reader](message, secret, relay[2]) == PAYLOAD


@needs_certs
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["alice", "bob", "ricarda"])
async def test_the_drafts_sample_keys(relay: tuple[Path, str, bytes], name: str, reader: str) -> None:
    samples = CERTS / "bre-samples"
    message = await encrypted(relay, octets(samples / f"{name}.pgp"))
    assert READERS[reader](message, octets(samples / f"{name}-secret.pgp"), relay[2]) == PAYLOAD


# Version 4 with RFC 9580's own Ed25519 and X25519 (algorithms 27 and 25): a key that Sequoia of today reads


@pytest.fixture(scope="module")
def modern() -> Keypair:
    return make_rfc9580_keypair("Modern <modern@example.org>")


def encrypted_by_sequoia(pair: Keypair) -> bytes:
    return bytes(pysequoia.encrypt(PAYLOAD, recipients=[pysequoia.Cert.from_bytes(pair.public)], armor=False))


def test_sequoia_of_today_encrypts_to_a_modern_key_and_reads_it(modern: Keypair) -> None:
    decryptor = pysequoia.Tsk.from_bytes(modern.secret).decryptor()
    assert pysequoia.decrypt(encrypted_by_sequoia(modern), decryptor=decryptor).bytes == PAYLOAD


@pytest.mark.parametrize("reader", READERS)
def test_the_readers_of_this_system_know_no_modern_key(modern: Keypair, reader: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        READERS[reader](encrypted_by_sequoia(modern), modern.secret, None)


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
def test_a_modern_key_was_imported_as_nobody_s(modern: Keypair, engine: str) -> None:
    """GnuPG lists it without its user ids: it was stored, for no address, as one without a valid self-signature."""
    with Relay({"reinject": "smtp://127.0.0.1:1", "engine": engine}) as relay:
        done = relay.run("keys", "import", "-", "--json", content=modern.public, check=False)
        told = json.loads(done.stdout)
        assert (done.returncode, told["result"]) == (1, "imported")
        assert told["reason"] == "This is a key of RFC 9580's Ed25519 (algorithm 27), which GnuPG cannot read."
        [listed] = json.loads(relay.run("keys", "list", "--json").stdout)
        assert (listed["usable"], listed["reason"]) == (False, told["reason"])
        assert listed["addresses"] == told["addresses"]


async def test_a_modern_subkey_is_none_to_encrypt_to() -> None:
    [verdict] = await GnuPGExaminer().examine([make_rfc9580_keypair("M <m@example.org>", EDDSA).public])
    assert isinstance(verdict, Certificate)
    assert verdict.unusable(time.time(), Address("m@example.org")) is Why.NO_ENCRYPTION
