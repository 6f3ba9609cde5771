"""`own …` and `wkd export` as an administrator uses them, and what a correspondent's gpg makes of the result."""

from __future__ import annotations

import json
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from lab.correspondent import Correspondent
from lab.gnupghome import stop_agent
from lab.relay import Relay
from lab.waiting import wait_for

from relay.model.wkd_location import hashed

MARTIN = "dr.martin@hopital.example"
DESK = "accueil@hopital.example"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Relay]:
    with Relay({"own": {"domains": ["hopital.example"]}}) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        yield relay
        stop_agent(relay.folder / "keyring")


def test_without_the_organisations_key_it_says_what_to_do() -> None:
    with Relay({"own": {"domains": ["hopital.example"]}}) as relay:
        done = relay.run("own", "add", MARTIN, check=False)
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"pgp-relay own create" in done.stderr


def test_a_second_organisation_is_refused(hospital: Relay) -> None:
    assert hospital.run("own", "create", "Another", check=False).returncode == 1


def test_an_address_of_a_foreign_domain_is_refused_and_nothing_is_made(hospital: Relay) -> None:
    done = hospital.run("own", "add", "new@hopital.example", "somebody@ville.example", check=False)
    assert (done.returncode, b"somebody@ville.example" in done.stderr) == (1, True)
    assert "new@hopital.example" not in {own["address"] for own in listed(hospital)}


def test_what_was_added_is_listed_shown_and_added_only_once(hospital: Relay) -> None:
    first = json.loads(hospital.run("own", "add", MARTIN, "--json").stdout)
    again = json.loads(hospital.run("own", "add", MARTIN.upper(), "--json").stdout)
    assert first == again
    (own,) = [own for own in listed(hospital) if own["address"] == MARTIN]
    assert set(own) == {"address", "fingerprint", "created", "expires", "listed", "state"}
    assert hospital.run("own", "show", MARTIN).stdout.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")


def test_a_correspondent_finds_it_in_the_exported_directory_and_a_removed_one_is_revoked(
    hospital: Relay, tmp_path: Path
) -> None:
    hospital.run("own", "add", MARTIN, DESK)
    hospital.run("own", "add", "--unlisted", "direction@hopital.example")
    hospital.run("own", "remove", DESK)
    hospital.run("wkd", "export", tmp_path)
    with Correspondent() as person:
        for name in ("dr.martin", "accueil"):
            person.gpg("--import", str(tmp_path / "hopital.example" / "hu" / hashed(name.encode())))
        shown = person.gpg("--with-colons", "--list-keys").decode()
    states = {line.split(":")[9]: line.split(":")[1] for line in shown.splitlines() if line.startswith("uid:")}
    assert (states[MARTIN], states[DESK]) == ("-", "r")
    assert not (tmp_path / "hopital.example" / "hu" / hashed(b"direction")).exists()


def test_a_revocation_needs_a_yes_and_nothing_can_be_rotated_after_it(hospital: Relay) -> None:
    hospital.run("own", "add", "urgences@hopital.example")
    assert hospital.run("own", "revoke", "urgences@hopital.example", check=False).returncode == 2
    hospital.run("own", "revoke", "urgences@hopital.example", "--yes")
    assert hospital.run("own", "rotate", "urgences@hopital.example", check=False).returncode == 1
    hospital.run("own", "add", "urgences@hopital.example")
    states = {own["address"]: own["state"] for own in listed(hospital)}
    assert states["urgences@hopital.example"] == "active", "a new certificate"


def test_what_a_command_changed_before_it_failed_was_in_no_row_of_the_trace() -> None:
    with Relay({"engine": "gnupg", "own": {"domains": ["hopital.example"]}}) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        (desk, martin) = json.loads(relay.run("own", "add", DESK, MARTIN, "--json").stdout)
        good = swapped_certificate(relay, MARTIN, b"x")
        assert relay.run("own", "rotate", DESK, MARTIN, check=False).returncode == 1
        swapped_certificate(relay, MARTIN, good)
        (relay.folder / "keyring" / "openpgp-revocs.d" / f"{martin['fingerprint']}.rev").unlink()
        assert relay.run("own", "remove", DESK, MARTIN, check=False).returncode == 1
        stop_agent(relay.folder / "keyring")
        rows = [json.loads(line) for line in relay.run("trace", "--keys", "--json").stdout.splitlines()]
        states = {own["address"]: own["state"] for own in listed(relay)}
    assert states == {DESK: "removed", MARTIN: "active"}
    assert [(row["address"], row["old"], row["new"], row["reason"]) for row in rows[3:]] == [
        (DESK, None, desk["fingerprint"], "own encryption subkey made anew"),
        (DESK, desk["fingerprint"], None, "own certificate removed"),
    ]


def test_who_changed_own_certificates_was_in_no_row_of_the_trace() -> None:
    with Relay({"own": {"domains": ["hopital.example"]}}) as relay:
        made = relay.run("own", "create", "Hôpital Exemple").stdout.decode().splitlines()[0]
        (desk, martin) = json.loads(relay.run("own", "add", DESK, MARTIN, "--json").stdout)
        relay.run("own", "add", MARTIN)
        for words in (["allow", DESK, MARTIN], ["disallow", DESK, MARTIN], ["rotate", MARTIN], ["remove", DESK]):
            relay.run("own", *words)
        relay.run("own", "revoke", MARTIN, "--yes")
        stop_agent(relay.folder / "keyring")
        rows = [json.loads(line) for line in relay.run("trace", "--keys", "--json").stdout.splitlines()]
        verified = relay.run("trace", "--verify").returncode
    assert {row["actor"].partition(":")[0] for row in rows} == {"cli"}
    assert [(row["address"], row["old"], row["new"], row["reason"]) for row in rows] == [
        ("organisation", None, made, "organisation's key made"),
        (DESK, None, desk["fingerprint"], "own certificate made"),
        (MARTIN, None, martin["fingerprint"], "own certificate made"),
        (DESK, None, desk["fingerprint"], f"mail to {MARTIN} may be opened for it"),
        (DESK, None, desk["fingerprint"], f"mail to {MARTIN} may not be opened for it"),
        (MARTIN, None, martin["fingerprint"], "own encryption subkey made anew"),
        (DESK, desk["fingerprint"], None, "own certificate removed"),
        (MARTIN, martin["fingerprint"], None, "own certificate revoked"),
    ]
    assert verified == 0


def test_after_a_rotation_created_was_still_that_of_the_certificate(hospital: Relay) -> None:
    (added,) = json.loads(hospital.run("own", "add", "garde@hopital.example", "--json").stdout)
    wait_for(lambda: time.time() >= datetime.fromisoformat(added["created"]).timestamp() + 1, "the next second")
    (rotated,) = json.loads(hospital.run("own", "rotate", "garde@hopital.example", "--json").stdout)
    assert rotated["fingerprint"] == added["fingerprint"]
    assert rotated["created"] > added["created"]
    assert rotated["expires"] > added["expires"]


def test_an_address_that_was_there_already_stayed_listed(hospital: Relay, tmp_path: Path) -> None:
    (added,) = json.loads(hospital.run("own", "add", "nuit@hopital.example", "--json").stdout)
    (unlisted,) = json.loads(hospital.run("own", "add", "nuit@hopital.example", "--unlisted", "--json").stdout)
    assert unlisted == {**added, "listed": False}
    assert json.loads(hospital.run("own", "add", "nuit@hopital.example", "--json").stdout) == [unlisted]
    hospital.run("wkd", "export", tmp_path)
    assert not (tmp_path / "hopital.example" / "hu" / hashed(b"nuit")).exists()


def test_an_address_of_a_domain_that_is_no_more_ours_ended_the_export(hospital: Relay, tmp_path: Path) -> None:
    hospital.run("own", "add", MARTIN)
    before = hospital.settings
    hospital.configure({**before, "own": {"domains": ["clinique.example"]}})
    try:
        hospital.run("wkd", "export", tmp_path)
    finally:
        hospital.configure(before)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["policy"]


def test_who_is_allowed_has_to_be_an_own_address(hospital: Relay) -> None:
    hospital.run("own", "add", MARTIN, "secretariat@hopital.example")
    hospital.run("own", "allow", "secretariat@hopital.example", MARTIN)
    hospital.run("own", "disallow", "secretariat@hopital.example", MARTIN)
    assert hospital.run("own", "allow", "nobody@hopital.example", MARTIN, check=False).returncode == 1


def listed(relay: Relay) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(relay.run("own", "list", "--json").stdout)
    return found


@pytest.mark.parametrize("words", [[], ["--with-decryption-keys"]])
def test_a_backup_opens_captured_mail_only_where_that_was_asked_for(
    words: list[str], hospital: Relay, tmp_path: Path
) -> None:
    hospital.run("own", "add", MARTIN)
    secrets = {path.stem for path in (hospital.folder / "keyring" / "private-keys-v1.d").glob("*.key")}
    told = json.loads(hospital.run("backup", tmp_path / "backup.tar", *words, "--json").stdout)
    assert told["own_addresses"] == len(listed(hospital))
    assert told["opens"] == (told["own_addresses"] if words else 0)
    with tarfile.open(tmp_path / "backup.tar") as archive:
        kept = {Path(name).stem for name in archive.getnames() if name.endswith(".key")}
    decryption = keygrips_of(hospital, MARTIN)
    assert decryption < secrets
    assert (decryption & kept) == (decryption if words else set())
    assert len(kept) > 2, "the keys that certify and sign are in it"


def test_a_restore_brings_no_deleted_subkey_back_and_takes_no_published_certificate_away(
    hospital: Relay, tmp_path: Path
) -> None:
    hospital.run("own", "add", MARTIN)
    hospital.run("backup", tmp_path / "backup.tar", "--with-decryption-keys")
    (keygrip,) = keygrips_of(hospital, MARTIN)
    hospital.run("own", "add", "apres@hopital.example")
    with closing(sqlite3.connect(hospital.folder / "keyring" / "store.db")) as store:
        store.execute("INSERT INTO own_deleted VALUES ('F', ?, 1.0)", (keygrip,))
        store.commit()
    secret = hospital.folder / "keyring" / "private-keys-v1.d" / f"{keygrip}.key"
    secret.unlink()
    hospital.run("restore", tmp_path / "backup.tar", "--yes")
    assert not secret.exists()
    assert "apres@hopital.example" in {own["address"] for own in listed(hospital)}


def test_the_keys_of_a_certificate_that_was_replaced_stay_known_and_in_no_backup(
    hospital: Relay, tmp_path: Path
) -> None:
    """They were forgotten by the store, never deleted, and went into every backup."""
    again = "retour@hopital.example"
    hospital.run("own", "add", again)
    before = keygrips_of(hospital, again)
    hospital.run("own", "remove", again)
    hospital.run("own", "add", again)
    hospital.run("own", "rotate", again)
    known = keygrips_of(hospital, again)
    assert (before < known, len(known)) == (True, 3)
    hospital.run("backup", tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        assert not known & {Path(name).stem for name in archive.getnames()}


def swapped_certificate(relay: Relay, address: str, new: bytes) -> bytes:
    """What the store has for this address, and `new` in its place from now on."""
    with closing(sqlite3.connect(relay.folder / "keyring" / "store.db")) as store, store:
        ((old,),) = store.execute("SELECT data FROM own_key WHERE address = ?", (address.encode(),)).fetchall()
        store.execute("UPDATE own_key SET data = ? WHERE address = ?", (new, address.encode()))
    return bytes(old)


def keygrips_of(relay: Relay, address: str) -> set[str]:
    with closing(sqlite3.connect(relay.folder / "keyring" / "store.db")) as store:
        ((subkeys,),) = store.execute("SELECT subkeys FROM own_key WHERE address = ?", (address.encode(),)).fetchall()
    return {subkey[3] for subkey in json.loads(subkeys)}


def test_check_makes_a_signature_with_an_own_key_and_tells_what_is_missing(hospital: Relay) -> None:
    hospital.run("own", "add", MARTIN)
    (found,) = [look for look in checked(hospital) if look["name"] == "own addresses"]
    assert found["ok"]
    assert "inbound.listen is empty" in str(found["message"])
    secrets = hospital.folder / "keyring" / "private-keys-v1.d"
    stop_agent(hospital.keyring)
    secrets.rename(secrets.with_name("away"))
    secrets.mkdir(mode=0o700)
    (found,) = [look for look in checked(hospital) if look["name"] == "own addresses"]
    secrets.rmdir()
    secrets.with_name("away").rename(secrets)
    assert not found["ok"]


def checked(relay: Relay) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(relay.run("check", "--json", check=False).stdout)
    return found
