"""`keys …` as an administrator uses it: a folder with good and bad in it, and what is asked of the store afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.certificates import Keypair, fingerprint, join, make_keypair, split
from lab.correspondent import Correspondent
from lab.relay import PROGRAM, Relay
from lab.terminal import on_a_terminal

FIELDS = [
    "fingerprint",
    "addresses",
    "origin",
    "created",
    "expires",
    "usable",
    "weak",
    "reason",
    "proposed",
    "bindings",
]
BOB = "Bob@Ville.example"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40


@dataclass
class Zoo:
    """A folder that an administrator was handed."""

    folder: Path
    bob: Keypair
    old: str
    """A fingerprint whose key has expired."""
    report: list[dict[str, Any]]
    status: int

    def fate(self, name: str) -> tuple[str, str]:
        (found,) = [line for line in self.report if Path(line["place"]).name == name]
        return found["result"], found["reason"] or ""


@pytest.fixture(scope="module")
def person() -> Iterator[Correspondent]:
    with Correspondent() as made:
        yield made


@pytest.fixture(scope="module")
def zoo(site: Relay, person: Correspondent, tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    folder = tmp_path_factory.mktemp("zoo")
    bob = make_keypair(f"Bob <{BOB}>")
    old = person.new_key("Old <old@ville.example>", created="20200101T120000", expires="1d")
    armored = person.export_armored(old)
    (folder / "bob.pgp").write_bytes(bob.public)
    (folder / "old.asc").write_bytes(armored)
    (folder / "truncated.asc").write_bytes(armored[:400])
    (folder / "private.pgp").write_bytes(bob.secret)
    (folder / "empty.asc").touch()
    (folder / "photo.jpg").write_bytes(JPEG)
    (folder / "flooded.pgp").write_bytes(flooded(make_keypair("<flooded@ville.example>").public))
    (folder / "below").mkdir()
    (folder / "below" / "up").symlink_to(folder)
    done = site.run("keys", "import", folder, "--json", check=False)
    assert done.stderr == b""
    return Zoo(folder, bob, old, [json.loads(line) for line in done.stdout.splitlines()], done.returncode)


def flooded(certificate: bytes) -> bytes:
    """With 5 MB of signatures behind its user id: what happens to keys on key servers."""
    parts = split(certificate)
    junk = next(octets for tag, octets in parts if tag == 2)
    return join([*parts[:2], *((2, junk) for _ in range(5_000_000 // len(junk))), *parts[2:]])


def listed(site: Relay) -> dict[str, dict[str, Any]]:
    return {key["fingerprint"]: key for key in json.loads(site.run("keys", "list", "--json").stdout)}


def test_good_ones_are_imported_and_each_bad_one_is_refused_in_a_sentence(site: Relay, zoo: Zoo) -> None:
    assert zoo.status == 1
    assert {line["result"] for line in zoo.report} == {"imported", "unchanged", "refused"}
    assert zoo.fate("bob.pgp") == ("imported", "")
    assert zoo.fate("old.asc") == ("imported", "the key has expired")
    assert zoo.fate("truncated.asc")[1].startswith("This key is cut off or damaged")
    assert zoo.fate("empty.asc")[1] == "This is empty."
    assert zoo.fate("photo.jpg")[1] == "This holds no OpenPGP key."
    assert zoo.fate("up")[1].startswith("This link leads back to a folder above it")
    assert "other people's signatures" in zoo.fate("flooded.pgp")[1]
    assert len(zoo.report) == 8
    assert {zoo.bob.fingerprint, zoo.old} <= set(listed(site))


def test_a_private_key_is_refused_with_a_hint_and_kept_nowhere(site: Relay, zoo: Zoo) -> None:
    result, reason = zoo.fate("private.pgp")
    assert (result, reason.partition(":")[0]) == ("refused", "This is a private key")
    assert "keys generate" in reason
    assert "--signing" in reason
    assert not list(site.keyring.glob("private-keys-v1.d/*"))


def test_list_tells_the_contracts_fields(site: Relay, zoo: Zoo) -> None:
    bob, old = (listed(site)[each] for each in (zoo.bob.fingerprint, zoo.old))
    assert list(bob) == FIELDS
    assert (bob["addresses"], bob["origin"], bob["usable"], bob["weak"]) == ([BOB], "imported", True, False)
    assert (bob["reason"], bob["proposed"]) == (None, False)
    assert (old["usable"], old["reason"], old["expires"]) == (False, "the key has expired", "2020-01-02T12:00:00+00:00")


def test_explain_knew_neither_origin_nor_end_of_a_key_that_has_expired(site: Relay, zoo: Zoo) -> None:
    words = ("explain", "--from", "a@hopital.example", "--to", "old@ville.example", "--json")
    told, old = json.loads(site.run(*words).stdout), listed(site)[zoo.old]
    assert told["reason"] == "the key has expired"
    assert {name: told[name] for name in ("fingerprint", "origin", "expires")} == {
        name: old[name] for name in ("fingerprint", "origin", "expires")
    }


def test_a_key_is_found_by_address_fingerprint_and_key_id_however_they_are_written(site: Relay, zoo: Zoo) -> None:
    whole = zoo.bob.fingerprint
    grouped = " ".join(whole[at : at + 4] for at in range(0, 40, 4)).lower()
    for selector in ([BOB.upper()], grouped.split(), [f"0x{whole[-16:]}"]):
        (found,) = json.loads(site.run("keys", "show", *selector, "--json").stdout)
        assert found["fingerprint"] == whole, selector
    told = site.run("keys", "show", BOB).stdout.decode()
    assert f"Bob <{BOB}>" in told
    assert "encrypts" in told


def test_export_gives_back_what_was_imported(site: Relay, zoo: Zoo, person: Correspondent) -> None:
    armored = site.run("keys", "export", zoo.bob.fingerprint.lower()).stdout
    assert armored.startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    person.gpg("--import", data=armored)
    assert fingerprint(person.export(zoo.bob.fingerprint)) == zoo.bob.fingerprint


def test_remove_takes_one_key_and_tells_whose_mail_has_none_now(site: Relay) -> None:
    pair = make_keypair("<gone@ville.example>", "<left@ville.example>")
    other = make_keypair("<left@ville.example>")
    site.run("keys", "import", "-", content=pair.public + other.public)
    before = set(listed(site))
    lines = site.run("keys", "remove", pair.fingerprint).stdout.decode().splitlines()
    assert lines == [f"removed {pair.fingerprint}", "gone@ville.example: no key is left"]
    assert set(listed(site)) == before - {pair.fingerprint}
    again = site.run("keys", "remove", pair.fingerprint, check=False)
    assert (again.returncode, again.stderr.decode()) == (1, f"{pair.fingerprint}: no key has it\n")


def test_two_keys_at_once_were_taken_for_one_that_nobody_has(site: Relay, zoo: Zoo) -> None:
    before = set(listed(site))
    for words in (
        ["remove", zoo.bob.fingerprint, f"0x{zoo.old.lower()}"],
        ["export", zoo.bob.fingerprint[-16:], zoo.old[-16:]],
        ["show", BOB, "zoe@ville.example"],
        ["show", BOB, zoo.old],
    ):
        done = site.run("keys", *words, check=False)
        told = f"{' '.join(words[1:])}: one key at a time\n"
        assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", told), words
    assert set(listed(site)) == before


def test_a_gnupg_home_is_read_and_left_as_it_is(site: Relay, person: Correspondent) -> None:
    new = person.new_key("New <new@ville.example>")
    before = (person.home / "pubring.kbx").read_bytes()
    done = site.run("keys", "import", "--gnupg-home", person.home)
    assert done.stdout.decode().splitlines()[-1].startswith("1 imported, ")
    assert new in listed(site)
    assert (person.home / "pubring.kbx").read_bytes() == before


def test_generate_prints_the_fingerprint_and_the_public_key_and_check_signs_with_it(person: Correspondent) -> None:
    with Relay({"reinject": "smtp://127.0.0.1:1"}) as relay:
        fingerprint_, *armor = relay.run("keys", "generate", "Hôpital", "relais@h.example").stdout.decode().split("\n")
        person.gpg("--import", data="\n".join(armor).encode())
        assert fingerprint(person.export(fingerprint_)) == fingerprint_
        twice = relay.run("keys", "generate", "Hôpital", "relais@h.example", check=False)
        assert (twice.returncode, twice.stdout) == (1, b"")
        assert twice.stderr == b"the keyring has a signing key for relais@h.example already\n"
        relay.configure({**relay.settings, "sign": {"default": fingerprint_}})
        found = {each["name"]: each for each in json.loads(relay.run("check", "--json", check=False).stdout)}
        said = found["signing key"]["message"]
        assert said.startswith("1 made a signature")
        assert "Thunderbird shows its signature as a mismatch" in said
        relay.configure({**relay.settings, "sign": {"senders": {"*@h.example": fingerprint_}}})
        assert b"Thunderbird" not in relay.run("check", check=False).stdout


def test_a_progress_bar_shows_on_a_terminal_alone_and_keeps_the_results_in_their_file(
    site: Relay, zoo: Zoo, tmp_path: Path
) -> None:
    site.run("keys", "remove", zoo.bob.fingerprint)
    with (tmp_path / "results").open("wb") as results:
        shown = on_a_terminal(
            [PROGRAM, "-c", site.file, "keys", "import", zoo.folder / "bob.pgp"], stdout=results.fileno()
        )
    assert "importing" in shown.text
    told = (tmp_path / "results").read_text()
    assert told.startswith(f"{zoo.folder}/bob.pgp: imported {zoo.bob.fingerprint}")
    assert told.endswith("1 imported, 0 updated, 0 unchanged, 0 refused\n")


def test_the_list_of_keys_began_with_forty_digits_and_did_not_fit_a_terminal(site: Relay, zoo: Zoo) -> None:
    text = on_a_terminal([PROGRAM, "-c", site.file, "keys", "list"]).text
    header, *rows = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]
    assert header.split() == ["address", "state", "expires", "key", "origin"]
    assert max(map(len, rows)) <= 80
    bob, old = (next(row.split() for row in rows if row.startswith(address)) for address in (BOB, "old@"))
    assert bob == [BOB, "usable", "never", zoo.bob.fingerprint[-16:], "imported"]
    assert old == ["old@ville.example", "expired", "2020-01-02", zoo.old[-16:], "imported"]
    assert "\x1b[32musable\x1b[0m" in text, "the word has a colour, and not the row"
    assert "\x1b[31mexpired\x1b[0m" in text
    assert zoo.bob.fingerprint in on_a_terminal([PROGRAM, "-c", site.file, "keys", "list", "--full"]).text


def test_in_a_pipe_a_table_was_padded_and_had_no_header(site: Relay, zoo: Zoo) -> None:
    printed = site.run("keys", "list").stdout.decode()
    header, *rows = [line.split("\t") for line in printed.splitlines()]
    assert header == ["address", "state", "expires", "key", "origin"]
    assert [BOB, "usable", "never", zoo.bob.fingerprint, "imported"] in rows
    assert "\x1b" not in printed
