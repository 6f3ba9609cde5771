"""Leaving Zeyple: its configuration and a GnuPG home with two hundred keys, some of which must not be used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.certificates import make_certificates, make_keypair
from lab.gnupghome import generate, gnupg_home, gpg
from lab.key_states import key_states
from lab.program import Done, program
from lab.zeyple import VERSION_1

from relay.config import load

EXPIRED = [f"expired{i}@ville.example" for i in range(2)]
REVOKED = [f"revoked{i}@ville.example" for i in range(3)]
USABLE = 195


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with gnupg_home() as folder:
        keys = b"".join(make_certificates(USABLE))
        revoked = [make_keypair(f"<{address}>") for address in REVOKED]
        gpg(folder, "--import", content=keys + b"".join(pair.public for pair in revoked))
        gpg(folder, "--import", content=b"".join(pair.revocation for pair in revoked))
        for address in EXPIRED:
            generate(folder, f"Old <{address}>", expires="1d", at="20200101T000000!")
        assert gpg(folder, "--list-keys", "--with-colons").stdout.count(b"\npub:") == 200
        yield folder


@dataclass
class Site:
    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def run(self, *words: str | Path) -> Done:
        return program(self.capsys, "-c", self.config, *words)

    def migrate(self, text: str, *words: str | Path) -> Done:
        file = self.folder / "zeyple.conf"
        file.write_text(text)
        return self.run("migrate", "zeyple", file, *words)

    def action(self, recipient: str) -> tuple[str, str]:
        told = json.loads(self.run("explain", "--from", "a@hopital.example", "--to", recipient, "--json").out)
        return told["action"], told["reason"]


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path, capsys)


def test_a_configuration_and_a_home_of_two_hundred_keys_come_over(site: Site, home: Path) -> None:
    before = {path.name: path.read_bytes() for path in home.glob("*.kbx")}
    done = site.migrate(VERSION_1.format(home=home, force="false"))
    assert (done.status, done.err) == (0, "")
    assert f"{site.config}: written" in done.out
    assert "200 imported, 0 updated, 0 unchanged, 0 refused" in done.out
    assert "- No X-Zeyple header is added" in done.out
    config = load(site.config)
    assert (str(config.reinject), config.keyring) == ("smtp://localhost:10026", site.folder / "keyring")
    assert site.action("person0@example.org") == ("encrypt", "key found: keyring")
    assert site.action("nobody@example.org") == ("clear", "no key is known")
    assert site.action(EXPIRED[0])[0] == site.action(REVOKED[0])[0] == "refuse"
    listed = json.loads(site.run("keys", "list", "--json").out)
    assert Counter((key["usable"], key["reason"]) for key in listed) == {
        (True, None): USABLE,
        (False, "the key has expired"): len(EXPIRED),
        (False, "the key is revoked"): len(REVOKED),
    }
    checked = {found["name"]: found["ok"] for found in json.loads(site.run("check", "--json").out)}
    names = ("configuration", "keyring", "store", "nodes", "signing key", "next hop", "sources", "service", "postfix")
    assert checked == {name: name not in {"next hop", "service"} for name in names}
    again = site.migrate(VERSION_1.format(home=home, force="false"))
    assert (again.status, f"{site.config}: as it was" in again.out) == (0, True)
    assert "0 imported, 0 updated, 200 unchanged, 0 refused" in again.out
    assert {path.name: path.read_bytes() for path in home.glob("*.kbx")} == before


def test_an_existing_configuration_is_not_written_over_without_asking(
    site: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = "policy: []\nkeyring: elsewhere\n"
    site.config.write_text(mine)
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        done = site.migrate(VERSION_1.format(home=home, force="no"))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"{site.config} is there already. Write over it? [y/N] nothing was changed\n"
    assert site.config.read_text() == mine
    assert not (site.folder / "elsewhere").exists()
    assert site.migrate(VERSION_1.format(home=home, force="no"), "--yes").status == 0
    assert load(site.config).keyring == site.folder / "elsewhere", "the keyring stays where it was"


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
@pytest.mark.parametrize("force", ["false", "true"])
def test_no_key_of_the_home_is_no_key_whatever_its_state(
    site: Site, force: str, engine: str, record_property: Callable[[str, object], None]
) -> None:
    """The command itself; `test_never_clear_table.py` has the same states by other ways."""
    states = [state for state in key_states() if state.name != "damaged"]  # no keyring holds such a key
    with gnupg_home() as home:
        (home / "pubring.gpg").write_bytes(b"".join(state.octets for state in states))
        done = site.migrate(VERSION_1.format(home=home, force=force))
    assert done.status == 1, "some of them can never be used"
    site.config.write_text(f"{site.config.read_text()}\nengine: {engine}\n")
    found = {address: site.action(address)[0] for state in states for address in state.addresses}
    assert site.action("nobody@table.example")[0] == ("clear" if force == "false" else "refuse")
    assert {address.partition("@")[0] for address, action in found.items() if action == "encrypt"} == {
        "valid", "good", "signed"
    }  # fmt: skip
    assert set(found.values()) == {"encrypt", "refuse"}
    record_property(
        "counted", f"migrate, {engine}, force_encrypt {force}: {len(states)} states, {Counter(found.values())}"
    )


def test_a_home_that_is_not_there_is_told(site: Site) -> None:
    done = site.migrate(VERSION_1.format(home="/nowhere", force="no"))
    assert done.status == 1
    assert "/nowhere: refused: This folder is no GnuPG home" in done.out


def test_the_keys_of_a_group_are_bound_to_its_address(site: Site) -> None:
    pairs = [make_keypair(f"<reader{n}@ville.example>") for n in range(2)]
    with gnupg_home() as home:
        gpg(home, "--import", content=b"".join(pair.public for pair in pairs))
        (home / "gpg.conf").write_text(
            f"group team@ville.example = 0x{pairs[0].fingerprint[-16:]} reader1@ville.example\n"
            "group lost@ville.example = 0x0123456789ABCDEF\n"
        )
        done = site.migrate(VERSION_1.format(home=home, force="false"))
    assert "- group team@ville.example: its keys are bound to it" in done.out
    assert "- group lost@ville.example: not carried over: 0123456789ABCDEF: no key has it." in done.out
    (bound,) = json.loads(site.run("keys", "bindings", "--json").out)
    assert bound["fingerprints"] == [pair.fingerprint for pair in pairs]
    assert site.action("team@ville.example") == ("encrypt", "key found: binding team@ville.example")
