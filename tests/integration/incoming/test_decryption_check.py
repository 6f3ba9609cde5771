"""`check` says whether mail to own addresses can be opened here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lab.gnupghome import stop_agent
from lab.relay import Relay


def found(relay: Relay) -> tuple[bool, str]:
    told = json.loads(relay.run("check", "--json", check=False).stdout)
    (one,) = [each for each in told if each["name"] == "decryption"]
    return one["ok"], one["message"]


@pytest.mark.parametrize("engine", ["gnupg", "sequoia"])
def test_secret_parts_are_there_and_the_newest_opens(engine: str) -> None:
    with Relay({"engine": engine, "own": {"domains": ["hopital.example"]}}) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        assert found(relay) == (True, "no address has a certificate yet")
        relay.run("own", "add", "dr@hopital.example", "accueil@hopital.example")
        assert found(relay) == (True, "2 encryption subkeys have their secret part, the newest one decrypts")

        folder: Path = relay.keyring / "private-keys-v1.d"
        folder.rename(folder.with_name("away"))
        ok, message = found(relay)
        assert not ok
        assert "accueil@hopital.example, dr@hopital.example" in message
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_name("away").rename(folder)

        (relay.keyring / "gpg-agent.conf").write_text("# nothing\n")
        ok, message = found(relay)
        assert (ok, "auto-expand-secmem" in message) == (True, engine == "gnupg")
        stop_agent(relay.keyring)
