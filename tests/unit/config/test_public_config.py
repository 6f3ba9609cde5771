"""The public web service reads the same file, looks at every value, and opens nothing that is the relay's."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import load, load_public
from relay.model.endpoint import HttpPlace
from relay.model.errors import ConfigError

RELAYS_FILES = """
keyring: /nowhere/keyring
own: {domains: [hopital.example], addresses: /nowhere/addresses}
sign: {default: dr@hopital.example, passphrase_file: /nowhere/passphrase}
lookup: {ldap: [{url: "ldaps://directory.example", ca_file: /nowhere/ca.pem}]}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(text)
    return file


def test_files_of_the_relay_need_not_be_there(tmp_path: Path) -> None:
    file = written(
        tmp_path, f"policy: []\n{RELAYS_FILES}web: {{public: '127.0.0.1:8080', public_database: web/p.db}}\n"
    )

    config = load_public(file)

    assert config.web.public == HttpPlace("127.0.0.1", 8080)
    assert config.web.database(config.keyring) == tmp_path / "web" / "p.db"
    assert config.channel == HttpPlace(path=str(tmp_path / "web" / "channel.sock"))
    with pytest.raises(ConfigError):
        load(file)


def test_a_machine_of_its_own_needs_no_policy(tmp_path: Path) -> None:
    config = load_public(written(tmp_path, "web: {public: 'unix:/run/web.sock'}\n"))

    assert str(config.web.public) == "unix:/run/web.sock"
    assert config.web.database(config.keyring) == tmp_path / "public.db"


def test_a_channel_of_its_own_is_a_link_too(tmp_path: Path) -> None:
    assert not load_public(written(tmp_path, "{}")).web.linked
    assert load_public(written(tmp_path, "web: {channel: 'unix:/run/c.sock'}")).web.linked


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("polcy: []", "unknown key “polcy”; did you mean “policy”?"),
        ("web: {public: 8080}", "web.public: has to be text: put it in quotes"),
        ("web: {public: 'unix:relative'}", "web.public: “unix:relative” is not unix:/path"),
        ("web: {channel: '192.0.2.1:8443'}", "web.channel: over 192.0.2.1:8443 anybody could publish"),
        ("web: {public: 'unix:/a', channel: 'unix:/a'}", "web.channel: unix:/a is where visitors come"),
        (
            "web: {channel: 'h:1', channel_tls: {certificate: /nowhere/c, key: /nowhere/k, ca_file: /nowhere/a}}",
            "web.channel_tls.certificate: /nowhere/c cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_public(written(tmp_path, text))
    assert any(each.message.startswith(fault) for each in raised.value.faults)
