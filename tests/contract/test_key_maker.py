"""What every `relay.own.ports.KeyMaker` promises, shown with the programs of correspondents."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import make_keypair
from lab.gnupghome import gnupg_home, gpg
from lab.openpgpjs import LIBRARY
from lab.waiting import until
from lab.writers import WRITERS

from relay.daemon.openers import OpenerSettings
from relay.model import Address, Certificate
from relay.model.errors import EngineError
from relay.model.opened import Closed, Entitled, Opened, Reason
from relay.model.own import OwnKey
from relay.openpgp import signing
from relay.openpgp.examiner import GnuPGExaminer
from relay.openpgp.own import GnuPGKeyMaker
from relay.openpgp.own_signing import signs_here
from relay.openpgp.sequoia.own import SequoiaKeyMaker
from relay.own.ports import KeyMaker

MARTIN = Address("dr.martin@hopital.example")
OTHER = Address("accueil@hopital.example")
VALID = 400 * 86400.0


@dataclass
class Ours:
    """A keyring folder with the organisation's key."""

    home: Path
    organisation: str
    maker: KeyMaker

    def opened(self, key: OwnKey, message: bytes) -> bytes | None:
        """As gpg decrypts with the secret parts of the home and the public part of this certificate alone."""
        public = self.home / "one.pgp"
        public.write_bytes(key.data)
        done = gpg(
            self.home, "--no-default-keyring", "--keyring", str(public), "--decrypt", content=message, check=False
        )
        return done.stdout if done.returncode == 0 else None


MAKERS = {"gnupg": GnuPGKeyMaker, "sequoia": SequoiaKeyMaker}


@pytest.fixture(params=MAKERS)
async def ours(request: pytest.FixtureRequest) -> AsyncIterator[Ours]:
    with gnupg_home() as home:
        made = await signing.generate_organisation(home, "Hôpital Exemple")
        data = await signing.export_binary(home, made.fingerprint)
        yield Ours(home, made.fingerprint, MAKERS[request.param](home, made.fingerprint, data, None))


def encrypted_to(key: OwnKey, program: str) -> bytes:
    with gnupg_home() as theirs:
        file = theirs / "key.pgp"
        file.write_bytes(key.data)
        if program == "sq":
            command = ["sq", "encrypt", "--recipient-cert", str(file), "--binary"]
            return subprocess.run(command, input=b"reply", check=True, capture_output=True).stdout
        words = ("--trust-model", "always", "--recipient-file", str(file), "--encrypt")
        return gpg(theirs, *words, content=b"reply").stdout


async def judged(key: OwnKey) -> Certificate:
    (verdict,) = await GnuPGExaminer().examine([key.data])
    assert isinstance(verdict, Certificate)
    return verdict


@pytest.mark.parametrize("program", ["gpg", "sq"])
async def test_what_correspondents_encrypt_to_it_opens_for_that_address_alone(ours: Ours, program: str) -> None:
    martin, other = await ours.maker.make([MARTIN, OTHER], VALID)
    message = encrypted_to(martin, program)
    assert ours.opened(martin, message) == b"reply"
    assert ours.opened(other, message) is None, "the secret part is there, the address is another"


async def test_each_has_one_user_id_and_an_encryption_subkey_that_ends(ours: Ours) -> None:
    before = time.time()
    martin, _ = await ours.maker.make([MARTIN, OTHER], VALID)
    found = await judged(martin)
    assert [(u.address, u.text) for u in found.user_ids] == [(MARTIN, MARTIN.text)]
    assert (found.primary.expires, found.unusable(before + 60, MARTIN)) == (None, None)
    (subkey,) = martin.subkeys
    assert [c.fingerprint for c in found.encryption_components(before + 60)] == [subkey.fingerprint]
    assert abs(subkey.expires - before - VALID) < 60


async def test_the_organisation_certifies_it(ours: Ours) -> None:
    (martin,) = await ours.maker.make([MARTIN], VALID)
    with gnupg_home() as theirs:
        gpg(theirs, "--import", content=await signing.export_binary(ours.home, ours.organisation))
        gpg(theirs, "--import", content=martin.data)
        shown = gpg(theirs, "--with-colons", "--check-sigs", martin.fingerprint).stdout.decode()
    signed = [line.split(":") for line in shown.splitlines() if line.startswith("sig:!")]
    assert ours.organisation[-16:] in {record[4] for record in signed}


async def test_a_new_subkey_is_used_by_correspondents_and_the_old_one_still_opens(ours: Ours) -> None:
    (martin,) = await ours.maker.make([MARTIN], VALID)
    old = encrypted_to(martin, "gpg")
    # gpg takes the first of one second, and its time(2) is behind the clock by up to a tick of the kernel
    await until(lambda: time.time() > martin.subkeys[-1].created + 1.1)
    (rotated,) = await ours.maker.rotate([martin], VALID)
    assert [s.fingerprint for s in rotated.subkeys][:1] == [s.fingerprint for s in martin.subkeys]
    assert len(rotated.subkeys) == 2
    new = encrypted_to(rotated, "gpg")
    await ours.maker.forget(rotated.subkeys[0])
    assert await ours.maker.missing(rotated) == [rotated.subkeys[0]]
    assert ours.opened(rotated, new) == b"reply"
    assert ours.opened(rotated, old) is None, "what was captured cannot be opened once its subkey is deleted"
    assert not any(ours.home.rglob("*.key~")), "nothing of it is kept beside"


async def test_whether_an_address_can_sign_here_is_seen_by_its_own_secret_part_alone(ours: Ours) -> None:
    martin, other = await ours.maker.make([MARTIN, OTHER], VALID)
    await ours.maker.forget(martin.subkeys[0])
    assert signs_here(ours.home, martin), "it cannot decrypt any more, and signs"
    folder = ours.home / "private-keys-v1.d"
    for file in folder.glob("*.key"):
        file.rename(file.with_suffix(".away"))
        if not signs_here(ours.home, martin):
            break
        file.with_suffix(".away").rename(file)
    else:
        pytest.fail("no secret part was needed")
    assert signs_here(ours.home, other)


async def test_of_deleted_subkeys_no_secret_part_stays_and_all_others_do(ours: Ours) -> None:
    martin, other = await ours.maker.make([MARTIN, OTHER], VALID)
    before = {file.stem for file in (ours.home / "private-keys-v1.d").glob("*.key")}
    gone = martin.subkeys[0].keygrip
    await ours.maker.sweep({gone, "F" * 40})
    assert {file.stem for file in (ours.home / "private-keys-v1.d").glob("*.key")} == before - {gone}
    assert ours.opened(other, encrypted_to(other, "gpg")) == b"reply"


async def test_a_revoked_one_is_revoked_for_everybody_and_still_opens_old_mail(ours: Ours) -> None:
    (martin,) = await ours.maker.make([MARTIN], VALID)
    old = encrypted_to(martin, "gpg")
    revoked = await ours.maker.revoke(martin)
    assert (await judged(revoked)).primary.revoked
    assert ours.opened(revoked, old) == b"reply"


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
async def test_both_engines_open_mail_to_it_until_it_is_deleted(ours: Ours, engine: str) -> None:
    (martin,) = await ours.maker.make([MARTIN], VALID)
    opener = OpenerSettings(engine, ours.home, 30.0, 1 << 20).opener()  # type: ignore[arg-type]  # a literal
    message = encrypted_to(martin, "gpg")
    assert await opener.open(message, Entitled((martin,)), []) == Opened(b"reply")
    assert await opener.open(message, Entitled((await ours.maker.revoke(martin),)), []) == Opened(b"reply")
    await ours.maker.forget(martin.subkeys[0])
    with pytest.raises(EngineError):
        await opener.open(message, Entitled((martin,)), [])
    deleted = frozenset({martin.subkeys[0].fingerprint})
    assert await opener.open(message, Entitled((martin,), deleted=deleted), []) == Closed(Reason.NO_KEY)


@pytest.mark.parametrize("program", WRITERS)
async def test_every_program_encrypts_to_it(ours: Ours, program: str) -> None:
    if program == "openpgp.js" and not LIBRARY.exists():
        pytest.skip(f"{LIBRARY} is not there: make test installs it")
    bob = make_keypair("bob@example.org")
    (martin,) = await ours.maker.make([MARTIN], VALID)
    message = WRITERS[program](b"reply", martin.data, bob.secret)
    found = await OpenerSettings("sequoia", ours.home, 30.0, 1 << 20).opener().open(message, Entitled((martin,)), [])
    assert isinstance(found, Opened)
    assert found.content == b"reply"


async def test_many_are_made_where_no_mail_waits(ours: Ours) -> None:
    addresses = [Address(f"a{n}@hopital.example") for n in range(7)]
    made = await ours.maker.make(addresses, VALID)
    assert [key.address for key in made] == addresses
    assert [await ours.maker.missing(key) for key in made] == [[]] * 7
    assert len({key.fingerprint for key in made}) == 7


async def test_secret_parts_are_the_users_alone(ours: Ours) -> None:
    await ours.maker.make([MARTIN], VALID)
    files = [*(ours.home / "private-keys-v1.d").iterdir(), *(ours.home / "openpgp-revocs.d").iterdir()]
    assert len(files) >= 4
    assert {file.stat().st_mode & 0o177 for file in files} == {0}


async def test_the_keyring_of_the_home_stays_small(ours: Ours) -> None:
    await ours.maker.make([Address(f"a{n}@hopital.example") for n in range(3)], VALID)
    assert [key.fingerprint for key in await signing.secret_keys(ours.home)] == [ours.organisation]
