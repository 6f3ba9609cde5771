from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab.gnupghome import generate, gnupg_home, gpg, secret_key, stop_agent
from lab.shared import CERTS, needs_certs

from relay.model import Address, Certificate, Signer
from relay.model.errors import EngineError
from relay.openpgp import signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.gnupg import GnuPG


async def test_a_generated_key_signs_and_its_public_half_says_so(home: Path) -> None:
    made = await signing.generate(home, "Hôpital Nord", "relay@hopital.example")
    [key] = await signing.secret_keys(home)
    assert (key.fingerprint, key.addresses) == (made.fingerprint, (Address("relay@hopital.example"),))
    assert key.signs
    assert key.expires is None
    await signing.can_sign(home, made.fingerprint)
    listing = gpg(home, "--with-colons", "--show-keys", content=made.armored_public.encode()).stdout.decode()
    assert made.armored_public.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert "scSC" in listing
    assert "ed25519" in listing
    assert "Hôpital Nord <relay@hopital.example>" in listing
    assert "sub:" not in listing


async def test_a_generated_key_has_a_revocation_certificate_at_hand(home: Path) -> None:
    made = await signing.generate(home, "Relay", "relay@hopital.example")
    assert exists(home / "openpgp-revocs.d" / f"{made.fingerprint}.rev")


async def test_a_second_key_for_an_address_is_not_made_by_mistake(home: Path) -> None:
    await signing.generate(home, "Relay", "relay@hopital.example")
    with pytest.raises(EngineError, match="already"):
        await signing.generate(home, "Relay", "Relay@Hopital.example")
    assert len(await signing.secret_keys(home)) == 1


@pytest.mark.parametrize(
    ("name", "address"),
    [("", "a@b.example"), ("x\ny", "a@b.example"), ("x <y>", "a@b.example"), ("Relay", "nobody"), ("Relay", "")],
)
async def test_a_user_id_that_would_be_misread_is_refused(home: Path, name: str, address: str) -> None:
    with pytest.raises(EngineError):
        await signing.generate(home, name, address)
    assert await signing.secret_keys(home) == []


async def test_an_empty_home_has_no_secret_keys(home: Path) -> None:
    assert await signing.secret_keys(home) == []


async def test_resolving_by_fingerprint_and_by_address(home: Path) -> None:
    made = secret_key(home, "Relay <relay@hopital.example>")
    secret_key(home, "Other <other@hopital.example>")
    spaced = " ".join(made[i : i + 4] for i in range(0, 40, 4))
    for selector in (made, made.lower(), f"0x{made}", spaced, "relay@hopital.example", "Relay@HOPITAL.example"):
        assert await signing.resolve(home, selector) == made


@pytest.mark.parametrize("selector", ["nobody@hopital.example", "F" * 40, "relay", "hopital.example", "", "x y"])
async def test_what_names_no_key_resolves_to_none(home: Path, selector: str) -> None:
    secret_key(home, "Relay <relay@hopital.example>")
    with pytest.raises(EngineError, match="no secret key"):
        await signing.resolve(home, selector)


async def test_two_keys_for_one_address_are_told_apart_by_fingerprint(home: Path) -> None:
    made = [secret_key(home, f"{name} <relay@hopital.example>") for name in ("One", "Two")]
    with pytest.raises(EngineError, match="fingerprint"):
        await signing.resolve(home, "relay@hopital.example")
    assert await signing.resolve(home, made[1]) == made[1]


async def test_of_several_keys_with_the_same_user_id_the_newest_is_meant(home: Path) -> None:
    for year in ("2024", "2026", "2025"):
        generate(home, "Relay <relay@hopital.example>", usage="sign", algorithm="ed25519", at=f"{year}0101T000000!")
    newest = max(await signing.secret_keys(home), key=lambda key: key.created)

    assert await signing.resolve(home, "relay@hopital.example") == newest.fingerprint


async def test_a_key_on_a_card_is_told_from_one_in_the_home(home: Path) -> None:
    made = secret_key(home, "Relay <relay@hopital.example>")
    assert [key.on_card for key in await signing.secret_keys(home)] == [False]
    stop_agent(home)
    (file,) = (home / "private-keys-v1.d").iterdir()
    public = re.search(rb"\(q\s+(#[0-9A-F\s]+#)\)", file.read_bytes())
    assert public
    file.write_bytes(
        b"Key: (shadowed-private-key (ecc (curve Ed25519)(flags eddsa)(q %s)(shadowed t1-v1 "
        b"(#D2760001240103040006123456780000# OPENPGP.1))))\n" % b"".join(public[1].split())
    )

    assert [(key.fingerprint, key.on_card) for key in await signing.secret_keys(home)] == [(made, True)]


async def test_an_expired_key_does_not_resolve(home: Path) -> None:
    generate(
        home, "Relay <relay@hopital.example>", usage="sign", algorithm="ed25519", expires="1d", at="20200101T000000!"
    )
    with pytest.raises(EngineError, match="expired"):
        await signing.resolve(home, "relay@hopital.example")


async def test_a_revoked_key_does_not_resolve(home: Path) -> None:
    made = secret_key(home)
    revocation = (home / "openpgp-revocs.d" / f"{made}.rev").read_bytes().replace(b":-----BEGIN", b"-----BEGIN")
    gpg(home, "--import", content=revocation)
    with pytest.raises(EngineError, match="revoked"):
        await signing.resolve(home, made)


async def test_a_key_that_only_certifies_does_not_resolve(home: Path) -> None:
    made = generate(home, "Relay <relay@hopital.example>", algorithm="ed25519", usage="cert")
    with pytest.raises(EngineError, match="may not sign"):
        await signing.resolve(home, made)


async def test_nobody_is_asked_for_a_passphrase(home: Path, tmp_path: Path) -> None:
    made = await signing.generate(home, "Relay", "relay@hopital.example", b"secret")
    stop_agent(home)
    pinentry = tmp_path / "pinentry"
    pinentry.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexit 1\n")
    pinentry.chmod(0o755)
    (home / "gpg-agent.conf").write_text(f"pinentry-program {pinentry}\n")
    with pytest.raises(EngineError):
        await signing.can_sign(home, made.fingerprint)
    with pytest.raises(EngineError):
        await signing.can_sign(home, made.fingerprint, b"wrong")
    assert not exists(tmp_path / "asked")


async def test_an_expired_key_leaves_the_address_to_its_successor(home: Path) -> None:
    generate(
        home, "Relay <relay@hopital.example>", usage="sign", algorithm="ed25519", expires="1d", at="20200101T000000!"
    )
    made = await signing.generate(home, "Relay", "relay@hopital.example")
    assert await signing.resolve(home, "relay@hopital.example") == made.fingerprint


async def test_a_key_with_a_passphrase_signs_with_it_alone(home: Path) -> None:
    made = await signing.generate(home, "Relay", "relay@hopital.example", b"s3cret phr\xc3\xa4se")
    stop_agent(home)  # so that it forgets the passphrase
    for wrong in (None, b"wrong", b""):
        with pytest.raises(EngineError):
            await signing.can_sign(home, made.fingerprint, wrong)
    await signing.can_sign(home, made.fingerprint, b"s3cret phr\xc3\xa4se")


async def test_can_sign_is_not_content_with_a_public_key(home: Path) -> None:
    with gnupg_home() as other:
        made = secret_key(other)
        gpg(home, "--import", content=gpg(other, "--export", made).stdout)
    with pytest.raises(EngineError):
        await signing.can_sign(home, made)


async def test_an_imported_secret_key_signs(home: Path) -> None:
    with gnupg_home() as other:
        made = secret_key(other)
        secret = gpg(other, "--armor", "--export-secret-keys", made).stdout
    assert await signing.import_secret(home, secret) == [made]
    assert await signing.import_secret(home, secret) == [made]
    await signing.can_sign(home, await signing.resolve(home, made))


@needs_certs
async def test_a_public_key_is_not_taken_for_signing(home: Path) -> None:
    with pytest.raises(EngineError, match="no secret key"):
        await signing.import_secret(home, (CERTS / "bre-samples" / "alice.pgp").read_bytes())
    with pytest.raises(EngineError, match="no secret key"):
        await signing.import_secret(home, b"garbage")
    assert await signing.secret_keys(home) == []


async def test_a_key_with_a_passphrase_encrypts(home: Path) -> None:
    made = await signing.generate(home, "Relay", "relay@hopital.example", b"secret")
    with gnupg_home() as other:
        blob = gpg(other, "--export", generate(other, "Bob <bob@example.org>")).stdout
        stop_agent(home)  # so that it forgets the passphrase
        (certificate,) = await GnuPGExaminer().examine([blob])
        assert isinstance(certificate, Certificate)
        certificates = [certificate]
        with pytest.raises(EngineError):
            await GnuPG(home, passphrase=b"wrong").encrypt(b"x", certificates, Signer(made.fingerprint))
        with pytest.raises(EngineError):
            await GnuPG(home).encrypt(b"x", certificates, Signer(made.fingerprint))
        message = await GnuPG(home, passphrase=b"secret").encrypt(b"x", certificates, Signer(made.fingerprint))
        gpg(other, "--import", content=made.armored_public.encode())
        assert b"GOODSIG" in gpg(other, "--trust-model", "always", "--decrypt", content=message).stderr


def exists(path: Path) -> bool:
    return path.exists()
