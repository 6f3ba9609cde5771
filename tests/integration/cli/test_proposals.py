"""A key that waits to be approved, as an administrator sees and decides it, and what the trace has of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from lab.certificates import make_keypair
from lab.relay import PROGRAM, Relay
from lab.terminal import on_a_terminal

from relay.model import Certificate, Entry, Origin
from relay.model.fingerprint_words import words
from relay.openpgp.examiner import GnuPGExaminer
from relay.store import Store

BOB = "bob@ville.example"
FIELDS = ["fingerprint", "address", "replaces", "origin", "dkim_domain", "first_seen"]


async def propose(site: Relay, data: bytes, origin: Origin) -> None:
    [read] = await GnuPGExaminer().examine([data])
    assert isinstance(read, Certificate)
    async with await Store.open(site.keyring / "store.db") as store:
        await store.certificates.upsert([Entry(read, origin, 1, proposed=True)])


def listed(site: Relay, *words_: str) -> Any:  # noqa: ANN401  whatever the command says
    return json.loads(site.run(*words_, "--json").stdout)


def changes(site: Relay) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site.run("trace", "--keys", "--json").stdout.splitlines()]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_proposal_is_shown_beside_what_it_replaces_approved_and_told(site: Relay, language: str) -> None:
    site.configure({**site.settings, "notices": {**site.settings["notices"], "language": language}})
    address = f"{language}-{BOB}"
    old, new = make_keypair(f"<{address}>"), make_keypair(f"<{address}>")
    site.run("keys", "import", "-", content=old.public)
    asyncio.run(propose(site, new.public, Origin.WKD))
    (proposal,) = listed(site, "keys", "proposals")
    assert list(proposal) == FIELDS
    assert proposal | {"first_seen": 0} == {
        "fingerprint": new.fingerprint,
        "address": address,
        "replaces": old.fingerprint,
        "origin": "wkd",
        "dkim_domain": None,
        "first_seen": 0,
    }
    shown, status = on_a_terminal([PROGRAM, "-c", site.file, "keys", "proposals"])
    assert status == 0
    for line in words(new.fingerprint, "fr" if language == "fr" else "en"):
        assert line in shown
    assert site.run("keys", "approve", "--all-from", "ldap").stdout == b"nothing is proposed by ldap\n"
    assert site.run("keys", "approve", "--all-from", "wkd").stdout.decode() == f"approved {new.fingerprint}\n"
    assert listed(site, "keys", "proposals") == []
    first, proposed, approved = changes(site)[-3:]
    assert list(approved) == ["time", "actor", "address", "old", "new", "reason"]
    assert (first["old"], first["new"], first["reason"]) == (None, old.fingerprint, "imported")
    assert first["actor"] == approved["actor"] != proposed["actor"] == "upkeep"
    assert approved["actor"].startswith("cli:")
    assert [(c["old"], c["new"], c["reason"]) for c in (proposed, approved)] == [
        (old.fingerprint, new.fingerprint, "proposed: found by wkd"),
        (old.fingerprint, new.fingerprint, "approved"),
    ]
    assert listed(site, "trace", "--verify")["holds"]
    assert site.trace() == []


def test_json_of_approve_and_reject_was_no_such_option(site: Relay) -> None:
    first, second = make_keypair("<json1@ville.example>"), make_keypair("<json2@ville.example>")
    for pair in (first, second):
        site.run("keys", "import", "-", "--propose", content=pair.public)
    assert listed(site, "keys", "approve", first.fingerprint) == {"approved": [first.fingerprint]}
    assert listed(site, "keys", "reject", second.fingerprint) == {"rejected": second.fingerprint}
    assert listed(site, "keys", "approve", "--all-from", "wkd") == {"approved": []}


def test_a_dry_run_says_what_an_import_would_do_and_changes_nothing(site: Relay) -> None:
    pair = make_keypair("<dry@ville.example>")
    before = listed(site, "keys", "list")
    told = json.loads(site.run("keys", "import", "-", "--dry-run", "--json", content=pair.public).stdout)
    assert (told["result"], told["fingerprint"]) == ("imported", pair.fingerprint)
    assert listed(site, "keys", "list") == before
    assert site.run("keys", "import", "-", "--quiet", content=pair.public).stdout == b""
    refused = site.run("keys", "import", "-", "--quiet", content=pair.secret, check=False)
    assert (refused.returncode, refused.stdout.count(b"\n")) == (1, 1)
