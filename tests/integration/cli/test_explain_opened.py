"""`explain` for mail that was decrypted here: encrypted or not sent, before any rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab.gnupghome import stop_agent
from lab.relay import Relay

MARTIN = "dr.martin@hopital.example"
DESK = "accueil@hopital.example"
MARK = "X-PGP-Relay: encryption=decrypted; signature=none; subject=unsigned"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Relay]:
    settings = {"own": {"domains": ["hopital.example"]}, "policy": [{"name": "house", "encrypt": "never"}]}
    with Relay(settings) as relay:
        relay.run("own", "create", "Hôpital Exemple")
        relay.run("own", "add", MARTIN, DESK)
        yield relay
        stop_agent(relay.folder / "keyring")


def explained(relay: Relay, recipient: str, *lines: str) -> dict[str, Any]:
    content = "".join(f"{line}\r\n" for line in lines) + "\r\nbody\r\n"
    words = ("explain", "--json", "--from", "a@b.example", "--to", recipient, "--message", "-")
    read: dict[str, Any] = json.loads(relay.run(*words, content=content.encode()).stdout)
    return read


def test_an_own_recipient_has_a_key(hospital: Relay) -> None:
    told = explained(hospital, MARTIN, MARK)
    assert (told["action"], told["rule"], told["origin"]) == ("encrypt", "(opened)", "own")


def test_a_recipient_without_a_key_is_refused_though_the_rule_says_never(hospital: Relay) -> None:
    told = explained(hospital, "bob@ville.example", MARK)
    assert (told["action"], told["rule"]) == ("refuse", "(opened)")
    assert explained(hospital, "bob@ville.example", "Subject: x", "Message-ID: <a@b>")["rule"] == "house"


def test_an_own_certificate_that_is_revoked_is_not_used(hospital: Relay) -> None:
    hospital.run("own", "revoke", DESK, "--yes")
    told = explained(hospital, DESK, MARK)
    assert (told["action"], told["reason"]) == ("refuse", "the key is revoked")


def test_the_table_says_why_no_rule_was_looked_at(hospital: Relay) -> None:
    words = ("explain", "--from", "a@b.example", "--to", MARTIN, "--message", "-")
    printed = hospital.run(*words, content=f"{MARK}\r\n\r\nbody\r\n".encode()).stdout.decode()
    assert "(opened)" in printed
    assert "before any rule" in printed
    assert "own" in printed.partition("keys")[2]
