"""Bindings as an administrator makes them, and a mail that is encrypted to all keys of one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.certificates import Keypair, make_keypair
from lab.client import Client
from lab.nexthop import ScriptedHop
from lab.readers import read_sequoia
from lab.relay import PROGRAM, Relay
from lab.terminal import on_a_terminal
from lab.way import encrypted_part

SETTINGS = {
    "reinject": "smtp://127.0.0.1:1",
    "own": {"domains": ["hopital.example"]},
    "policy": [{"name": "everyone", "encrypt": "preferred", "sign": False}],
}
MAIL = b"From: a@hopital.example\r\nTo: bob@ville.example\r\nSubject: x\r\n\r\nLe canari est la.\r\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Relay]:
    with Relay(SETTINGS) as made:
        yield made


@pytest.fixture(scope="module")
def pairs(site: Relay) -> list[Keypair]:
    made = [make_keypair(f"<reader{n}@ville.example>") for n in range(2)]
    site.run("keys", "import", "-", content=b"".join(pair.public for pair in made))
    return made


def listed(site: Relay, *words: str) -> Any:  # noqa: ANN401  whatever the command says
    return json.loads(site.run(*words, "--json").stdout)


async def test_a_mail_to_a_bound_domain_is_encrypted_to_all_of_its_keys_and_everything_names_the_binding(
    site: Relay, pairs: list[Keypair]
) -> None:
    fingerprints = [pair.fingerprint for pair in pairs]
    bound = listed(site, "keys", "bind", "*@Ville.example", *fingerprints, "--signs")
    expected = {
        "pattern": "*@ville.example",
        "fingerprints": fingerprints,
        "signs": True,
        "usable": True,
        "reason": None,
    }
    assert bound == listed(site, "keys", "bindings") == [expected]
    assert [key["bindings"] for key in listed(site, "keys", "list")] == [["*@ville.example"]] * 2
    explained = listed(site, "explain", "--from", "a@hopital.example", "--to", "bob@ville.example")
    assert (explained["action"], explained["binding"]) == ("encrypt", "*@ville.example")
    async with ScriptedHop() as hop:
        site.configure({**site.settings, "reinject": hop.url})
        await asyncio.to_thread(site.start)
        async with Client(f"lmtp://127.0.0.1:{site.port}") as client:
            await client.hello()
            (*_, reply) = await client.send("a@hopital.example", ["bob@ville.example"], MAIL)
        await asyncio.to_thread(site.stop)
    assert reply.startswith("250")
    (message,) = hop.messages
    for pair in pairs:
        assert b"Le canari est la." in read_sequoia(encrypted_part(message), pair.secret, None)
    (row,) = site.trace()
    assert (row["binding"], row["fingerprint"].split()) == ("*@ville.example", fingerprints)
    assert listed(site, "trace", "--verify")["holds"]


def test_a_bound_key_cannot_be_removed_and_what_is_refused_is_told_in_a_sentence(
    site: Relay, pairs: list[Keypair], tmp_path: Path
) -> None:
    key = pairs[0].fingerprint
    site.run("keys", "bind", "one@ville.example", key)
    refused = {
        ("keys", "remove", key): "is bound to",
        ("keys", "bind", "*@hopital.example", key): "is an own domain",
        ("keys", "bind", "*@*.fr", key): "anybody can register a domain",
        ("keys", "bind", "*@ville.example", "ABCDEF0123456789"): "no key has it",
        ("keys", "unbind", "nobody@ville.example"): "nothing is bound to it",
    }
    for words, sentence in refused.items():
        done = site.run(*words, check=False)
        assert (done.returncode, done.stdout) == (1, b"")
        assert sentence in done.stderr.decode()
    before = listed(site, "keys", "bindings")
    rules = {"rules": [{"domain": "a.example", "keys": [{"id": key[-16:]}]}, {"domain": "fr", "keys": [{"id": key}]}]}
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules))
    assert site.run("keys", "bind", "--file", file, check=False).returncode == 1
    assert listed(site, "keys", "bindings") == before, "one rule is wrong, and another was bound"
    del rules["rules"][1]
    file.write_text(json.dumps(rules))
    site.run("keys", "bind", "--file", file)
    assert [each["pattern"] for each in listed(site, "keys", "bindings") if each not in before] == ["*@a.example"]


def test_a_revoked_key_makes_its_binding_unusable_and_the_mail_is_refused(site: Relay, pairs: list[Keypair]) -> None:
    site.run("keys", "bind", "team@ville.example", *(pair.fingerprint for pair in pairs))
    site.run("keys", "import", "-", content=pairs[1].revocation)
    (bound,) = [each for each in listed(site, "keys", "bindings") if each["pattern"] == "team@ville.example"]
    assert (bound["usable"], bound["reason"]) == (False, "the key is revoked")
    explained = listed(site, "explain", "--from", "a@hopital.example", "--to", "team+x@ville.example")
    assert (explained["action"], explained["binding"]) == ("refuse", "team@ville.example")
    shown, status = on_a_terminal([PROGRAM, "-c", site.file, "keys", "bindings"])
    assert status == 0
    assert "the key is revoked" in shown or "unusable" in shown
