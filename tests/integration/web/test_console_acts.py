"""What the console's forms do: import, bind, try held mail again, export; as the commands do, and in the record."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import canary
from lab.certificates import make_keypair
from lab.console import Console, Page, Visitor
from lab.correspondent import Correspondent
from lab.relay import Relay

from relay.model import Record
from relay.model.console import ACTS, Role
from relay.store import Store
from relay.web.console.pages import FORMS, PAGES, UPLOADS
from relay.web.console.pages import Page as ConsolePage

WHOLE = [page for page in PAGES if "(" not in page.path.pattern]
"""The pages whose paths name nothing."""
EVIL = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    settings = {
        "policy": [
            {"name": "inside", "to": "*@hopital.example", "encrypt": "never"},
            {"name": "marked", "subject": "[secret]"},
            {"name": "everyone", "encrypt": "preferred"},
        ]
    }
    with Relay(settings) as relay, Console(relay) as console:
        asyncio.run(filled(relay))
        yield console


@pytest.fixture(scope="module")
def people(site: Console) -> dict[str, Visitor]:
    return {role.value: site.logged_in(f"{role}1", role.value) for role in Role}


async def filled(relay: Relay) -> None:
    now = time.time()
    held = Record(
        time=now - 60,
        id="ID00001",
        queue_id="4F00001",
        message_id="<1@hopital.example>",
        sender="dr@hopital.example",
        recipient="waits@ville.example",
        action="hold",
        rule="everyone",
        reason="no key is known",
        fingerprint="",
        signed_by="",
        reply="450 4.7.1",
        size=1000,
    )
    async with await Store.open(relay.keyring / "store.db") as store:
        await store.trace.write([held])


def changes(site: Console) -> list[dict[str, str]]:
    return [json.loads(line) for line in site.relay.run("trace", "--keys", "--json").stdout.splitlines()]


def imported(visitor: Visitor, octets: bytes, act: str = "import", **button: str) -> Page:
    """As a browser sends a file that was dropped."""
    visitor.get("/keys")
    return visitor.upload("/keys", {"act": act, **button}, "file", f"{EVIL}.asc", octets)


def test_a_dropped_file_is_imported_with_the_verdicts_of_the_command(site: Console, people: dict[str, Visitor]) -> None:
    good, evil = make_keypair("Bob <bob@ville.example>"), make_keypair(f"{EVIL} <mallory@ville.example>")
    octets = good.public + evil.public + b"\x99garbage"
    told = site.relay.run("keys", "import", "-", "--dry-run", "--json", content=octets, check=False).stdout
    verdicts = [json.loads(line)["result"] for line in told.splitlines()]
    tried = imported(people["keys"], octets, **{"try": "1"})
    assert re.findall(r'Result"><span class="[a-z]+">([a-z]+)<', tried.text) == verdicts
    known = site.relay.run("keys", "list", "--json").stdout.decode()
    assert not [pair for pair in (good, evil) if pair.fingerprint in known]
    done = imported(people["keys"], octets)
    assert re.findall(r'Result"><span class="[a-z]+">([a-z]+)<', done.text) == verdicts
    assert "<script>" not in done.text
    rows = [each for each in changes(site) if each["new"] == good.fingerprint]
    assert [(each["actor"], each["address"], each["reason"]) for each in rows] == [
        ("console:keys1", "bob@ville.example", "imported")
    ]
    page = people["keys"].get(f"/keys/{good.fingerprint}").text
    assert "console:keys1" in page
    assert "<svg" in page
    assert imported(people["keys"], b"").status == 400
    assert imported(people["desk"], good.public).status == 403


def test_the_desk_proposes_a_key_with_the_verdicts_of_the_command_and_somebody_else_decides(
    site: Console, people: dict[str, Visitor]
) -> None:
    pair, used = make_keypair("Paula <paula@clinique.example>"), make_keypair("Used <used@clinique.example>")
    site.relay.run("keys", "import", "-", content=used.public)
    dry = ("keys", "import", "-", "--propose", "--dry-run", "--json")
    octets = pair.public + used.public
    told = site.relay.run(*dry, content=octets).stdout
    verdicts = [json.loads(line)["result"] for line in told.splitlines()]
    assert verdicts == ["proposed", "unchanged"]
    for button in ({"try": "1"}, {}):
        assert not [each for each in changes(site) if each["new"] == pair.fingerprint]
        page = imported(people["desk"], octets, act="propose", **button)
        assert re.findall(r'Result"><span class="[a-z]+">([a-z]+)<', page.text) == verdicts
    assert imported(people["desk"], octets).status == 403
    assert imported(people["reader"], octets, act="propose").status == 403
    (row,) = [each for each in changes(site) if each["new"] == pair.fingerprint]
    assert (row["actor"], row["address"], row["reason"]) == (
        "console:desk1",
        "paula@clinique.example",
        "proposed: by a person",
    )
    explain = ("explain", "--json", "--from", "dr@hopital.example", "--to", "paula@clinique.example")
    assert json.loads(site.relay.run(*explain).stdout)["action"] == "clear", "it counts for nothing yet"
    waiting = people["keys"].get("/proposals").text
    assert "paula@clinique.example" in waiting
    assert "proposed by a person" in waiting
    assert b"by        a person" in site.relay.run("keys", "proposals").stdout
    assert people["desk"].get("/proposals").status == 403
    assert people["keys"].post("/proposals", {"act": "approve", "fingerprint": pair.fingerprint}).status == 303
    assert json.loads(site.relay.run(*explain).stdout)["action"] == "encrypt"
    rows = [(each["actor"], each["reason"]) for each in changes(site) if each["new"] == pair.fingerprint]
    assert sorted(rows) == [("console:desk1", "proposed: by a person"), ("console:keys1", "approved")]


def test_who_approved_a_key_approved_the_user_id_that_the_desk_added_behind_the_page(
    site: Console, people: dict[str, Visitor]
) -> None:
    with Correspondent() as mallory:
        fingerprint = mallory.new_key("Mallory <mallory@cabinet.example>")
        assert imported(people["desk"], mallory.export(), act="propose").status == 200
        page = people["keys"].get("/proposals").text
        shown = re.search(
            rf'name="fingerprint" value="{fingerprint}"><input type="hidden" name="seen" value="(\w+)"', page
        )
        assert shown
        mallory.gpg("--quick-add-uid", fingerprint, "Direction <direction@cabinet.example>")
        assert imported(people["desk"], mallory.export(), act="propose").status == 200

        form = {"act": "approve", "fingerprint": fingerprint, "seen": shown[1]}
        people["keys"].csrf = ""
        people["keys"].get("/held")
        refused = people["keys"].post("/proposals", form)
        assert (refused.status, "has changed since you looked at it" in refused.text) == (409, True)
        explain = ("explain", "--json", "--from", "dr@hopital.example", "--to", "direction@cabinet.example")
        assert json.loads(site.relay.run(*explain).stdout)["action"] == "clear"

        again = re.search(rf'value="{fingerprint}"><input type="hidden" name="seen" value="(\w+)"', refused.text)
        assert again
        assert "direction@cabinet.example" in refused.text
        assert people["keys"].post("/proposals", {**form, "seen": again[1]}).status == 303
        assert json.loads(site.relay.run(*explain).stdout)["action"] == "encrypt"


def test_what_is_pasted_is_imported_and_a_held_mail_can_leave(people: dict[str, Visitor]) -> None:
    pair = make_keypair("Waits <waits@ville.example>")
    armored = subprocess.run(["gpg", "--enarmor"], input=pair.public, capture_output=True, check=True).stdout
    text = armored.decode().replace("ARMORED FILE", "PUBLIC KEY BLOCK")
    people["keys"].get("/keys")
    page = people["keys"].post("/keys", {"act": "import", "keys": text})
    assert "Held mails that can leave now: 1" in page.text


def test_a_key_is_bound_and_unbound(site: Console, people: dict[str, Visitor]) -> None:
    pair = make_keypair("Gateway <gateway@partner.example>")
    site.relay.run("keys", "import", "-", content=pair.public)
    keys = people["keys"]
    keys.get("/bindings")
    form = {"act": "bind", "pattern": "*@partner.example", "fingerprints": pair.fingerprint, "signs": "1"}
    assert keys.post("/bindings", form).headers["Location"] == "/bindings?done=bind"
    (bound,) = json.loads(site.relay.run("keys", "bindings", "--json").stdout)
    assert (bound["pattern"], bound["fingerprints"], bound["signs"]) == ("*@partner.example", [pair.fingerprint], True)
    refused = keys.post("/bindings", {**form, "pattern": "*@com"})
    assert refused.status == 409
    assert "anybody can register a domain" in refused.text
    assert people["desk"].get("/bindings").status == 200
    assert people["desk"].post("/bindings", {"act": "unbind", "pattern": "*@partner.example"}).status == 403
    keys.get("/bindings")
    assert keys.post("/bindings", {"act": "unbind", "pattern": "*@partner.example"}).status == 303
    assert json.loads(site.relay.run("keys", "bindings", "--json").stdout) == []
    actors = [each["actor"] for each in changes(site) if each["address"] == "*@partner.example"]
    assert actors == ["console:keys1", "console:keys1"]


def test_a_held_mail_is_tried_again_only_where_it_waits(site: Console, people: dict[str, Visitor]) -> None:
    """No Postfix has it here: the page says so. Who asked for what waits is in the record all the same."""
    desk = people["desk"]
    assert "waits@ville.example" in desk.get("/held").text
    for queue_id in ("4F00001", "4F99999", "-a", "4F00001 4F00002", "ALL"):
        page = desk.post("/held", {"act": "release", "queue_id": queue_id})
        assert page.status == 409
        assert "Postfix was not asked" in page.text
    assert desk.post("/held", {"act": "withdraw", "id": "0123456789"}).status == 409
    asked = [(each["actor"], each["address"]) for each in changes(site) if each["reason"].endswith("to be tried")]
    assert asked == [("console:desk1", "waits@ville.example")]
    assert people["reader"].post("/held", {"act": "release", "queue_id": "4F00001"}).status == 403


@pytest.mark.parametrize("path", [*FORMS, *UPLOADS])
def test_no_form_is_taken_from_elsewhere_or_with_what_it_does_not_do(people: dict[str, Visitor], path: str) -> None:
    admin = people["admin"]
    admin.get("/keys")
    acts = FORMS[path].acts if path in FORMS else UPLOADS[path]
    for act in acts:
        assert admin.post(path, {"act": act, "csrf": ""}).status == 403
        assert admin.post(path, {"act": act}, Origin="https://evil.example").status == 403
        assert admin.post(path, {"act": act}, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    for act in ("", "figures", "approve" if path != "/proposals" else "bind", "<b>"):
        if act not in acts:
            assert admin.post(path, {"act": act}).status == 400


@pytest.mark.parametrize("page", WHOLE, ids=lambda page: page.path.pattern)
def test_every_page_is_for_the_roles_that_its_act_names(people: dict[str, Visitor], page: ConsolePage) -> None:
    order = tuple(Role)
    for role in Role:
        may = order.index(role) >= order.index(ACTS[page.act])
        assert people[role.value].get(page.path.pattern).status == (200 if may else 403)


def test_the_policy_is_shown_as_it_stands_in_the_file(people: dict[str, Visitor]) -> None:
    text = people["reader"].get("/policy").text
    assert text.index("1. inside") < text.index("2. marked") < text.index("3. everyone")
    assert "encrypt: never" in text
    assert "did not match in 31 days" in text
    assert re.search(r'<strong>1</strong> <span class="action a-hold">', text)


def test_the_record_leaves_as_csv_and_no_cell_is_a_formula(site: Console, people: dict[str, Visitor]) -> None:
    pair = make_keypair("=cmd <=cmd|x!A1@ville.example>")
    site.relay.run("keys", "import", "-", content=pair.public)
    page = people["reader"].get("/audit/export.csv")
    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert page.headers["Content-Disposition"] == 'attachment; filename="pgp-relay-audit.csv"'
    rows = list(csv.reader(io.StringIO(page.text)))
    assert rows[0] == ["time", "actor", "address", "old", "new", "reason"]
    assert [row[4] for row in rows if "cmd" in row[2]] == [pair.fingerprint]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert (
        site.relay.run("trace", "--keys", "--export", "csv").stdout.decode().splitlines()[1]
        == page.text.splitlines()[1]
    )


def test_the_record_leaves_with_a_signature_that_gpg_verifies(
    site: Console, people: dict[str, Visitor], tmp_path: Path
) -> None:
    unsigned = people["reader"].get("/audit/export.json")
    assert json.loads(unsigned.text)["signature"] is None
    site.relay.run("own", "create", "Hopital")
    told = json.loads(people["reader"].get("/audit/export.json").text)
    assert json.loads(told["content"])["by"] == "console:reader1"
    (tmp_path / "content").write_text(told["content"])
    (tmp_path / "signature").write_text(told["signature"])
    verify = ["gpg", "--homedir", str(site.relay.keyring), "--status-fd", "1", "--verify"]
    files = [str(tmp_path / "signature"), str(tmp_path / "content")]
    proved = subprocess.run([*verify, *files], capture_output=True, text=True, check=True)
    assert f"VALIDSIG {told['signed_by']}" in proved.stdout
    (tmp_path / "content").write_text(told["content"].replace("console:reader1", "console:someone"))
    assert subprocess.run([*verify, *files], capture_output=True, check=False).returncode != 0


def test_a_form_that_was_refused_had_lost_what_was_typed(people: dict[str, Visitor], site: Console) -> None:
    keys = people["keys"]
    keys.get("/bindings")
    refused = keys.post("/bindings", {"act": "bind", "pattern": '*@com"', "fingerprints": "0" * 40, "signs": "1"})
    assert refused.status == 409
    assert 'name="pattern" required maxlength="300" value="*@com&#34;"' in refused.text
    assert f'value="{"0" * 40}"' in refused.text
    assert 'value="1" checked' in refused.text
    other = keys.post("/bindings", {"act": "unbind", "pattern": "*@nothing.example"})
    assert other.status == 409
    assert 'value="*@nothing.example"' not in other.text, "that was no binding to make"
    assert 'value="1" checked' not in other.text
    login = site.visitor().post("/login", {"name": 'anne"', "password": "x", "code": "000000"})
    assert (login.status, 'value="anne&#34;"' in login.text) == (403, True)


def test_search_as_one_types_gets_the_rows_alone(site: Console, people: dict[str, Visitor]) -> None:
    site.relay.run("keys", "import", "-", content=make_keypair("Typed <typed@ville.example>").public)
    page = people["desk"].get("/keys?text=typed", **{"HX-Request": "true"})
    assert page.status == 200
    assert "<html" not in page.text
    assert "typed@ville.example" in page.text
    whole = people["desk"].get("/static/htmx/htmx.min.js")
    assert whole.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert people["desk"].get("/static/../site.py").status == 404


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [("", "", 1), ("2020-01-01", "", 1), ("", "2020-01-01", 0), ("2020-01-01", "2100-01-01", 1), ("yesterday", "", 0)],
)
def test_a_mail_is_found_by_its_time(people: dict[str, Visitor], since: str, until: str, found: int) -> None:
    text = people["reader"].get(f"/messages?text=&since={since}&until={until}").text
    assert text.count('href="/messages/ID') == found
    assert ("write a time as" in text) is (since == "yesterday")


@pytest.mark.parametrize("path", ["/held?done=%0d%0aX-Evil:%201", "/messages/ID1%0d%0aX: y", "/?lang=fr%0d%0aX-Evil:1"])
def test_nothing_of_a_request_becomes_a_header(people: dict[str, Visitor], path: str) -> None:
    page = people["admin"].get(path.replace(" ", "%20"))
    assert not {name for name in page.headers if name.lower().startswith("x-evil")}
    assert "X-Evil" not in str(page.headers)


def test_no_page_can_be_framed_or_stored(people: dict[str, Visitor]) -> None:
    for page in WHOLE:
        headers = people["admin"].get(page.path.pattern).headers
        assert headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"


def test_a_dropped_mail_is_explained_by_its_own_header(people: dict[str, Visitor]) -> None:
    """Its subject decides, and is not shown."""
    form = {"act": "explain", "from": "dr@hopital.example", "to": "nobody@ville.example"}
    mail = b"From: dr@hopital.example\r\nSubject: [secret] Resultats de Madame Durand\r\n\r\nBonjour.\r\n"
    desk = people["desk"]
    desk.get("/explain")
    canary.sent(mail)
    marked = desk.upload("/explain", form, "file", "mail.eml", mail)
    assert marked.status == 200
    assert 'class="action a-refuse"' in marked.text
    assert "<dt>Rule</dt><dd>marked</dd>" in marked.text
    ordinary = desk.upload("/explain", form, "file", "", b"")
    assert 'class="action a-clear"' in ordinary.text
    assert people["reader"].upload("/explain", form, "file", "mail.eml", mail).status == 403


def test_a_mail_that_no_rule_judges_had_an_empty_rule(people: dict[str, Visitor]) -> None:
    form = {"act": "explain", "from": "dr@hopital.example", "to": "nobody@ville.example"}
    mail = b"Received: from a by b\r\n" * 200 + b"From: dr@hopital.example\r\n\r\nBonjour.\r\n"
    people["desk"].get("/explain")
    page = people["desk"].upload("/explain", form, "file", "mail.eml", mail).text
    assert 'class="action a-refuse"' in page
    assert "the relay does not take it" in page
    assert "<dt>Rule</dt>" not in page
