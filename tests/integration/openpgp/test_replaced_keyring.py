"""gpg replaces a home's keyring by two renames, and between them there is none: what another gpg does then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.certificates import Keypair
from lab.gnupghome import gnupg_keypair, secret_key, stop_agent

from relay.model import Certificate, Signer
from relay.openpgp import home as homes
from relay.openpgp import key_transfer, secret_files, signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG
from relay.openpgp.node_key import NodeIdentity
from relay.openpgp.signature_cache import HomeCertificates
from relay.openpgp.vault import Vault

GAP = """\
#!/bin/sh
# The first call that has {word} begins before the gap, reads in it, and ends after it.
case " $* " in *" {word} "*) ;; *) exec {real} "$@" ;; esac
if [ -e {seen} ]; then exec {real} "$@"; fi
cp {keyring} {seen}
ln -sf nowhere/pubring.kbx {keyring}
{real} "$@"
code=$?
rm {keyring}
cp {seen} {keyring}
exit $code
"""
Gap = Callable[[Path, str], Path]


@pytest.fixture(scope="module")
def bob() -> Keypair:
    return gnupg_keypair("Bob <bob@example.org>")


@pytest.fixture
def gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gap:
    """Have the first call with this word read in the gap; the file that is there once it has."""
    real = shutil.which("gpg")
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(home: Path, word: str) -> Path:
        seen = tmp_path / "seen"
        script = GAP.format(word=word, real=real, seen=seen, keyring=home / "pubring.kbx")
        (folder / "gpg").write_text(script)
        (folder / "gpg").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return seen

    return install


async def judged(octets: bytes) -> list[Certificate]:
    (verdict,) = await GnuPGExaminer().examine([octets])
    assert isinstance(verdict, Certificate)
    return [verdict]


async def test_no_empty_keyring_is_made_over_the_one_that_is_being_replaced(home: Path, bob: Keypair) -> None:
    """gpg that took no lock made one: of all keys of the home the public halves were lost."""
    signer = Signer(secret_key(home))
    certificates, engine, vault = await judged(bob.public), GnuPG(home), Vault(home)
    closed = await vault.close("ABCD")
    await engine.sign(b"x", signer)
    (home / "pubring.kbx").rename(home / "pubring.kbx.aside")
    for _ in range(3):
        assert await engine.encrypt(b"Content-Type: text/plain\r\n\r\nx", certificates, None)
        assert await engine.encrypt(b"Content-Type: text/plain\r\n\r\nx", certificates, signer)
        assert await engine.sign(b"x", signer)
    assert await engine.lock(b"Content-Type: text/plain\r\n\r\nx", "ABCD-EFGH-JKLM-NPQR")
    assert await vault.open(closed) == "ABCD"
    assert not (home / "pubring.kbx").exists()


@pytest.mark.parametrize("asked", ["export", "list", "remember", "publish", "back up"])
async def test_a_key_is_found_although_the_keyring_was_just_being_replaced(home: Path, gap: Gap, asked: str) -> None:
    """The answer was: the keyring has no such key."""
    fingerprint = secret_key(home)
    expected = await signing.export_binary(home, fingerprint)
    seen = gap(home, "--list-secret-keys" if asked == "list" else "--export")
    match asked:
        case "export":
            assert await signing.export_binary(home, fingerprint) == expected
        case "list":
            assert [key.fingerprint for key in await signing.secret_keys(home)] == [fingerprint]
        case "remember":
            assert await HomeCertificates(home, 10.0).get(fingerprint) == expected
        case "publish":
            assert await secret_files.public(home) == expected
        case _:
            assert (await key_transfer.taken(home))[key_transfer.PUBLIC] == expected
    assert seen.exists()


async def test_a_parcel_is_read_although_the_keyring_was_just_being_replaced(tmp_path: Path, gap: Gap) -> None:
    """It was refused for good."""
    sides = []
    for name in ("alpha", "beta"):
        homes.prepare(tmp_path / name)
        sides.append(NodeIdentity(tmp_path / name))
    alpha, beta = sides
    try:
        sender, receiver = await alpha.own("alpha"), await beta.own("beta")
        await alpha.learn(receiver.certificate)
        await beta.learn(sender.certificate)
        message = await alpha.encrypt(b"parts", receiver.certificate)
        seen = gap(beta.folder, "--decrypt")
        spoken = await beta.heard(message, {sender.fingerprint})
        assert seen.exists()
        assert spoken is not None
        assert spoken.content == b"parts"
    finally:
        for side in sides:
            stop_agent(side.folder)
