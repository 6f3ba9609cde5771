"""A second person for what `console.four_eyes` names: in pages and in commands, by the real programs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import forked_program
from lab.certificates import make_keypair
from lab.console import Console, Visitor, proposed
from lab.correspondent import Correspondent
from lab.relay import Relay

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sudo's real user counts for root alone")


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    settings = {
        "policy": [{"name": "everyone", "encrypt": "preferred"}],
        "console": {"four_eyes": ["approve", "bind", "own"]},
    }
    with Relay(settings) as relay, Console(relay) as console:
        yield console


@pytest.fixture(scope="module")
def anne(site: Console) -> Visitor:
    return site.logged_in("anne", "keys")


@pytest.fixture(scope="module")
def bruno(site: Console) -> Visitor:
    return site.logged_in("bruno", "keys")


def command(site: Console, login: str, *words: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """As somebody who came by sudo."""
    line: list[str | Path] = ["-c", site.relay.file, *words]
    environment = {**os.environ, "SUDO_USER": login}
    return forked_program.run(line, content=content, cwd=site.relay.folder, env=environment, timeout=60)


def refusal(site: Console, login: str, *words: str) -> str:
    """What he is told."""
    return command(site, login, *words).stderr.decode()


def rows(site: Console, address: str = "") -> list[tuple[str, str]]:
    found = [json.loads(line) for line in site.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    return [(row["actor"], row["reason"]) for row in found if row["address"] == address]


def key(site: Console, name: str) -> str:
    return asyncio.run(proposed(site.relay, make_keypair(f"{name} <{name}@ville.example>")))


def waits(site: Console, fingerprint: str) -> bool:
    told = json.loads(site.relay.run("keys", "proposals", "--json").stdout)
    return any(each["fingerprint"] == fingerprint for each in told)


def shown(visitor: Visitor, fingerprint: str) -> str:
    """The part of the page about this proposal."""
    (found,) = [part for part in visitor.get("/proposals").text.split("<section") if fingerprint in part]
    return found


def used(site: Console, name: str) -> bool:
    words = ("explain", "--json", "--from", "dr@hopital.example", "--to", f"{name}@ville.example")
    return bool(json.loads(site.relay.run(*words).stdout)["action"] == "encrypt")


def imported(site: Console, login: str, octets: bytes, *options: str) -> dict[str, object]:
    """What `keys import` says of the one key in it."""
    ran = command(site, login, "keys", "import", "-", "--json", *options, content=octets)
    assert ran.stdout, ran.stderr
    told: dict[str, object] = json.loads(ran.stdout)
    return told


def bound(site: Console, pattern: str) -> bool:
    told = json.loads(site.relay.run("keys", "bindings", "--json").stdout)
    return any(each["pattern"] == pattern for each in told)


@pytest.fixture
def logins(site: Console, anne: Visitor, bruno: Visitor) -> None:  # noqa: ARG001  they have to be there
    for name, login in (("anne", "amartin"), ("bruno", "bpetit")):
        site.relay.run("console", "user", "link", name, "--sudo", login)


def test_one_person_approves_on_a_page_and_another_one_does_it(site: Console, anne: Visitor, bruno: Visitor) -> None:
    fingerprint = key(site, "carol")
    form = {"act": "approve", "fingerprint": fingerprint}
    for _ in range(2):
        anne.get("/proposals")
        assert "second person" in anne.post("/proposals", form).text
        assert waits(site, fingerprint)
    assert "You have approved it" in shown(anne, fingerprint)
    assert 'value="approve"' not in shown(anne, fingerprint)
    assert 'value="approve"' in shown(bruno, fingerprint)
    assert bruno.post("/proposals", form).headers["Location"] == "/proposals?done=approve"
    assert not waits(site, fingerprint)
    assert rows(site, f"approve {fingerprint}") == [
        ("console:anne", "waits for a second person"),
        ("console:bruno", "second approval, the first was anne's"),
    ]
    assert ("console:bruno", "approved") in rows(site, "carol@ville.example")


def test_a_person_is_one_whether_by_sudo_or_in_the_browser(site: Console, anne: Visitor, bruno: Visitor) -> None:
    fingerprint = key(site, "dora")
    words = ("keys", "approve", fingerprint)
    refused = command(site, "adurand", *words)
    assert (refused.returncode, b"is linked to no user here" in refused.stderr) == (1, True)
    site.relay.run("console", "user", "link", "anne", "--sudo", "adurand")
    assert "second person" in refusal(site, "adurand", *words)
    anne.get("/proposals")
    assert "second person" in anne.post("/proposals", {"act": "approve", "fingerprint": fingerprint}).text
    assert waits(site, fingerprint)
    bruno.get("/proposals")
    assert bruno.post("/proposals", {"act": "approve", "fingerprint": fingerprint}).status == 303
    assert not waits(site, fingerprint)


@pytest.mark.usefixtures("logins")
def test_a_binding_needs_two_too_and_the_same_keys(site: Console) -> None:
    first, other = make_keypair("Eva <eva@ville.example>"), make_keypair("Finn <finn@ville.example>")
    for pair in (first, other):
        for login in ("amartin", "bpetit"):
            imported(site, login, pair.public)
    bind = ("keys", "bind", "*@partner.example")
    assert "second person" in refusal(site, "amartin", *bind, first.fingerprint)
    assert "second person" in refusal(site, "bpetit", *bind, other.fingerprint), "other keys: another act"
    assert not bound(site, "*@partner.example")
    assert command(site, "bpetit", *bind, first.fingerprint).returncode == 0
    assert bound(site, "*@partner.example")
    assert "second person" in refusal(site, "bpetit", "keys", "unbind", "*@partner.example")


@pytest.mark.usefixtures("logins")
def test_nobody_without_the_role_approves(site: Console, bruno: Visitor) -> None:
    fingerprint = key(site, "gina")
    site.logged_in("desk", "desk")
    site.relay.run("console", "user", "link", "desk", "--sudo", "hdesk")
    assert "may not approve this" in refusal(site, "hdesk", "keys", "approve", fingerprint)
    site.relay.run("console", "user", "disable", "bruno")
    assert "bruno is disabled" in refusal(site, "bpetit", "keys", "approve", fingerprint)
    site.relay.run("console", "user", "enable", "bruno")
    assert site.log_in("bruno", bruno, code=site.code("bruno", later=1)).status == 303, "the session before has ended"


@pytest.mark.usefixtures("logins")
def test_the_organisations_key_is_made_for_two_administrators(site: Console) -> None:
    for name, login in (("olga", "oadmin"), ("otto", "padmin")):
        site.relay.run("console", "user", "add", name, "--role", "admin")
        site.relay.run("console", "user", "link", name, "--sudo", login)
    create = ("own", "create", "Hospital")
    assert "may not approve this" in refusal(site, "amartin", *create)
    assert "second person" in refusal(site, "oadmin", *create)
    assert "second person" in refusal(site, "padmin", "own", "create", "Hospice"), "another name: another act"
    assert command(site, "padmin", *create).returncode == 0


@pytest.mark.usefixtures("logins")
def test_one_person_alone_cannot_have_an_imported_key_used(site: Console, anne: Visitor, bruno: Visitor) -> None:
    """It would go round the approval of two."""
    pair = make_keypair("Hugo <hugo@ville.example>")
    assert imported(site, "amartin", pair.public, "--dry-run")["result"] == "proposed"
    assert not waits(site, pair.fingerprint)
    for _ in range(2):
        assert imported(site, "amartin", pair.public)["result"] == "proposed"
        anne.get("/keys")
        page = anne.upload("/keys", {"act": "import"}, "file", "hugo.asc", pair.public)
        assert "a second person approves it" in page.text
        anne.get("/proposals")
        assert "second person" in anne.post("/proposals", {"act": "approve", "fingerprint": pair.fingerprint}).text
        bind = command(site, "amartin", "keys", "bind", "*@hugo.example", pair.fingerprint)
        assert (bind.returncode, b"is proposed and not in use" in bind.stderr) == (1, True)
        assert not used(site, "hugo")
    page = bruno.get("/proposals")
    assert "Approved by anne" in page.text, "the second person sees it beside what it replaces"
    assert bruno.post("/proposals", {"act": "approve", "fingerprint": pair.fingerprint}).status == 303
    assert used(site, "hugo")
    assert rows(site, "hugo@ville.example") == [("cli:amartin", "proposed: by a person"), ("console:bruno", "approved")]


@pytest.mark.usefixtures("logins")
def test_a_key_in_use_is_renewed_and_revoked_by_one_and_gets_no_other_address(site: Console) -> None:
    """A later state by the key's owner counts at once; a user id more is a decision of two."""
    with Correspondent() as luc:
        fingerprint = luc.new_key("Luc <luc@ville.example>", expires="20300101T120000")
        for login in ("amartin", "bpetit"):
            imported(site, login, luc.export())
        assert used(site, "luc")
        for options, login, expires in ((("--propose",), "nobody1", "5y"), ((), "amartin", "6y")):
            luc.gpg("--quick-set-expire", fingerprint, expires)
            assert imported(site, login, luc.export(), *options)["result"] == "updated"
        luc.gpg("--quick-add-uid", fingerprint, "Luc <directeur@ville.example>")
        assert imported(site, "nobody1", luc.export(), "--propose")["result"] == "refused"
        assert "second person" in str(imported(site, "amartin", luc.export())["reason"])
        assert not used(site, "directeur")
        assert imported(site, "bpetit", luc.export())["result"] == "updated"
        assert used(site, "directeur")
        luc.revoke(fingerprint)
        assert imported(site, "nobody1", luc.export(), "--propose")["reason"] == "the key is revoked"
        assert not used(site, "luc")


def test_the_first_of_two_was_told_that_something_had_failed(site: Console, anne: Visitor, bruno: Visitor) -> None:
    pair = make_keypair("Iris <iris@ville.example>")
    for visitor in (anne, bruno):
        visitor.get("/keys")
        visitor.upload("/keys", {"act": "import"}, "file", "iris.asc", pair.public)
        visitor.get("/proposals")
        visitor.post("/proposals", {"act": "approve", "fingerprint": pair.fingerprint})
    form = {"act": "bind", "pattern": "*@iris.example", "fingerprints": pair.fingerprint}
    page = anne.post(f"/bindings?key={pair.fingerprint}", form)
    assert page.status == 202
    assert 'role="alert"' not in page.text
    assert '<p class="notice warn" role="status"><strong>Recorded, and not done yet.' in page.text
    assert "bind *@iris.example: waits for a second person" in page.text
    assert f'value="{pair.fingerprint}"' not in page.text, "the form is for another binding"
    french = Visitor(site.port, dict(anne.cookies), anne.csrf, language="fr").post("/bindings", form)
    assert "lier *@iris.example\xa0: attend une seconde personne" in french.text
    assert bruno.post("/bindings", form).headers["Location"] == "/bindings?done=bind"
