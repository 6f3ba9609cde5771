"""The console with the relay's real side of it: who gets in, who may do what, and what a page can be made to do."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import time
from collections.abc import Callable, Iterator

import pytest
from lab.certificates import make_keypair
from lab.console import TOO_LONG, WORDS, Console, Page, Visitor, proposed
from lab.relay import Relay

from relay.admin.acts import ACTS as DONE
from relay.cli.reference import commands
from relay.model import Record
from relay.model.console import ACTS, Role
from relay.store import Store
from relay.web.console.view import MENU

HTMX = '<script src="/static/htmx/htmx.min.js" defer></script>'
EVIL = '"><script>alert(1)</script>'
RULE = f"rule {EVIL}"


@pytest.fixture(scope="module")
def site() -> Iterator[Console]:
    policy = [{"name": "everyone", "encrypt": "preferred"}]
    with Relay({"policy": policy}) as relay, Console(relay, anew=True) as console:
        key = make_keypair("Bob <bob@ville.example>")
        relay.run("keys", "import", "-", content=key.public)
        asyncio.run(filled(relay))
        yield console


@pytest.fixture(scope="module")
def people(site: Console) -> dict[str, Visitor]:
    return {role.value: site.logged_in(f"{role}1", role.value) for role in Role}


def row(number: int, *, action: str = "encrypt", sender: str = "dr@hopital.example", rule: str = RULE) -> Record:
    return Record(
        time=time.time() - 60 * number,
        id=f"ID{number:05}",
        queue_id=f"4F{number:04X}",
        message_id=f"<{number}@hopital.example>",
        sender=sender,
        recipient="bob@ville.example",
        action=action,
        rule=rule,
        reason=f"reason {EVIL}",
        fingerprint="A" * 40,
        signed_by="",
        reply="250 2.0.0",
        size=1000,
    )


async def filled(relay: Relay) -> None:
    async with await Store.open(relay.keyring / "store.db") as store:
        rows = [row(1), row(2, action="hold"), row(3, action="clear"), row(4, sender='"<b>"@hopital.example')]
        await store.trace.write(rows)


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_its_pages_and_no_other(people: dict[str, Visitor], role: Role) -> None:
    order = tuple(Role)
    for _, path, act in MENU:
        may = order.index(role) >= order.index(ACTS[act])
        assert people[role].get(path).status == (200 if may else 403), path


@pytest.mark.parametrize("path", [path for _, path, _ in MENU] + ["/messages/ID00001", "/keys/" + "A" * 40])
def test_nobody_sees_a_page_without_logging_in(site: Console, path: str) -> None:
    page = site.visitor().get(path)
    assert (page.status, page.headers["Location"], page.text) == (303, "/login", "")


def test_the_link_is_good_once_and_opening_it_changes_nothing(site: Console) -> None:
    link, visitor = site.invite("once", "reader"), site.visitor()
    for _ in range(3):
        assert visitor.get(link).status == 200
    assert site.enrol("once", link, visitor, words="short").status == 400
    assert site.enrol("once", link, visitor).status == 303
    assert visitor.get(link).status == 410
    assert visitor.post(link, {"secret": "A" * 32, "password": WORDS, "code": "000000"}).status == 410


def test_password_and_code_are_needed_and_a_code_counts_once(site: Console) -> None:
    site.enrol("twice", site.invite("twice", "reader"), site.visitor())
    visitor = site.visitor()
    assert site.log_in("twice", visitor, words="something else 1").status == 403
    assert visitor.post("/login", {"name": "twice", "password": WORDS, "code": "12345x"}).status == 403
    code = site.code("twice")
    done = site.log_in("twice", visitor, code=code)
    assert done.status == 303
    assert re.fullmatch(
        r"__Host-session=[\w-]{43}; Path=/; Secure; HttpOnly; SameSite=Strict", done.headers["Set-Cookie"]
    )
    assert site.log_in("twice", site.visitor(), code=code).status == 403, "the same code again"
    assert site.log_in("twice", site.visitor(), code=site.code("twice", later=1)).status == 303


def test_who_tries_too_often_is_locked_out_by_name_with_the_right_password_too(site: Console) -> None:
    site.enrol("often", site.invite("often", "reader"), site.visitor())
    for _ in range(5):
        assert site.log_in("often", site.visitor(), words=TOO_LONG).status == 403
    assert site.log_in("often", site.visitor()).status == 403


def test_who_tried_a_name_elsewhere_locked_its_owner_out(site: Console) -> None:
    owner = site.logged_in("wanted", "reader")
    assert owner.get("/").status == 200
    owner.post("/logout", {})
    refused_after(site, lambda: site.log_in("wanted", site.visitor(), words=TOO_LONG))
    assert site.log_in("wanted", owner, code=site.code("wanted", later=1)).status == 303
    refused_after(site, lambda: site.log_in("wanted", owner, words=TOO_LONG))  # it has a limit too


def refused_after(site: Console, attempt: Callable[[], Page]) -> None:
    """Some attempts, until a limit refuses one."""
    before = site.log.count('"why": "limit"')
    for _ in range(15):
        assert attempt().status == 403
        if site.log.count('"why": "limit"') > before:
            return
    pytest.fail("there is no limit")


def test_an_address_that_tries_too_often_is_locked_out_whatever_the_names(site: Console) -> None:
    """One attempt of each name: the limit on names does not count."""
    visitor, before = site.visitor(), site.log.count('"why": "limit"')
    for number in range(100):
        assert visitor.post("/login", {"name": f"g{number}", "password": TOO_LONG, "code": "000000"}).status == 403
        if site.log.count('"why": "limit"') > before:
            break
    assert 20 <= number < 99
    assert site.log.count('"why": "limit"') == before + 1


def test_a_session_ends_by_logging_out_and_with_its_person(site: Console) -> None:
    first, second = site.logged_in("leaves", "desk"), site.logged_in("fired", "desk")
    assert first.get("/held").status == second.get("/held").status == 200
    taken = dict(first.cookies)
    first.get("/held")
    assert first.post("/logout", {}).status == 303
    first.cookies = taken
    assert first.get("/held").status == 303
    site.relay.run("console", "user", "disable", "fired")
    assert second.get("/held").status == 303
    assert site.log_in("fired", second, code=site.code("fired", later=1)).status == 403


def test_a_session_that_had_ended_counted_again_once_its_person_was_enabled(site: Console) -> None:
    stolen = site.logged_in("back", "keys")
    assert stolen.get("/keys").status == 200
    site.relay.run("console", "user", "disable", "back")
    site.relay.run("console", "user", "enable", "back")
    assert stolen.get("/keys").status == 303
    assert site.log_in("back", site.visitor(), code=site.code("back", later=1)).status == 303


def test_a_form_of_a_session_that_has_ended_was_answered_with_a_bare_word(site: Console) -> None:
    anne = site.logged_in("ended", "keys")
    anne.get("/held")
    anne.post("/logout", {})
    page = anne.post("/held", {"act": "release", "queue_id": "4F00001"})
    assert page.status == 403
    assert "Your session has ended" in page.text
    assert 'name="password"' in page.text
    assert 'href="?lang=fr"' in page.text
    assert anne.get("/held?lang=fr").headers["Location"] == "/login"
    assert '<html lang="fr">' in anne.get("/login").text, "its link forgot the language"


@pytest.mark.parametrize("path", ["/nothing", "/messages/%20", "/static/nothing.css", "/logout"])
def test_a_page_that_is_not_there_was_answered_with_two_bare_words(
    site: Console, people: dict[str, Visitor], path: str
) -> None:
    reader, stranger = people["reader"], site.visitor()
    page = reader.get(path)
    assert page.status == (405 if path == "/logout" else 404)
    assert "<h1>No such page</h1>" in page.text
    assert '<a href="/">Back to Today</a>' in page.text
    assert '<nav class="wide"' in page.text
    assert "<h1>Page introuvable</h1>" in Visitor(site.port, dict(reader.cookies), language="fr").get(path).text
    bare = stranger.get(path)
    assert (bare.status, bare.headers["Content-Type"]) == (page.status, "text/html; charset=utf-8")
    assert '<a href="/">Log in</a>' in bare.text
    assert "<nav" not in bare.text


def test_what_a_person_sent_and_was_refused_is_told_on_a_page(people: dict[str, Visitor]) -> None:
    keys = people["keys"]
    keys.get("/keys")
    large = keys.upload("/keys", {"act": "import"}, "file", "a.asc", bytes(2 << 20))
    assert (large.status, "may have up to 1 MiB" in large.text) == (413, True)
    form = keys.post("/held", {"act": "release", "csrf": "A" * 43})
    assert (form.status, "does not belong to your session" in form.text) == (403, True)
    for refused in (keys.get("/keys?text=a&text=b"), keys.post("/held", {"act": "nothing"})):
        assert (refused.status, "cannot be read, and nothing was done" in refused.text) == (400, True)
    wrong = keys.post("/logout", {}, **{"Content-Type": "text/plain"})
    assert (wrong.status, "cannot be read" in wrong.text) == (415, True)


def test_the_other_language_was_of_the_page_without_its_search(people: dict[str, Visitor]) -> None:
    page = people["desk"].get("/messages?text=a%26b&done=x")
    assert 'href="?text=a%26b&amp;lang=fr"' in page.text


def test_a_session_that_somebody_else_chose_is_none(site: Console) -> None:
    """Fixation: the token is made at the login, whatever the browser sends."""
    visitor = site.visitor()
    visitor.cookies["__Host-session"] = "A" * 43
    site.enrol("fixed", site.invite("fixed", "reader"), visitor)
    site.log_in("fixed", visitor)
    assert visitor.cookies["__Host-session"] != "A" * 43


def test_a_form_from_elsewhere_does_nothing(site: Console, people: dict[str, Visitor]) -> None:
    fingerprint = asyncio.run(proposed(site.relay, make_keypair("Eve <eve@ville.example>")))
    keys = people["keys"]
    keys.get("/proposals")
    form = {"act": "approve", "fingerprint": fingerprint}
    for form_, headers in (
        ({**form, "csrf": ""}, {}),
        ({**form, "csrf": people["admin"].csrf or "A" * 43}, {}),
        (form, {"Origin": "https://evil.example"}),
        (form, {"Origin": "null"}),
        (form, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert keys.post("/proposals", form_, **headers).status == 403
    assert keys.get(f"/proposals?act=approve&fingerprint={fingerprint}").status == 200
    assert people["desk"].post("/proposals", {**form, "csrf": people["desk"].csrf}).status == 403
    (waiting,) = [each for each in offered(site) if each["fingerprint"] == fingerprint]
    assert waiting["address"] == "eve@ville.example"


def test_the_page_of_a_proposed_key_did_not_say_where_it_is_approved(site: Console, people: dict[str, Visitor]) -> None:
    fingerprint = asyncio.run(proposed(site.relay, make_keypair("Dan <dan@ville.example>")))
    link = '<a href="/proposals">Compare, and approve or reject it</a>'
    assert link in people["keys"].get(f"/keys/{fingerprint}").text
    assert link not in people["desk"].get(f"/keys/{fingerprint}").text, "a role that may not"


def offered(site: Console) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(site.relay.run("keys", "proposals", "--json").stdout)
    return found


def test_an_approval_is_a_row_of_the_hash_chain_with_the_person(site: Console, people: dict[str, Visitor]) -> None:
    fingerprint = asyncio.run(proposed(site.relay, make_keypair("Carol <carol@ville.example>")))
    keys = people["keys"]
    assert "carol@ville.example" in keys.get("/proposals").text
    assert keys.post("/proposals", {"act": "approve", "fingerprint": fingerprint}).headers["Location"] == (
        "/proposals?done=approve"
    )
    assert "carol@ville.example" not in keys.get("/proposals").text
    rows = [json.loads(line) for line in site.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    (done,) = [each for each in rows if each["reason"] == "approved" and each["new"] == fingerprint]
    assert done["actor"] == "console:keys1"
    assert "console:keys1" in keys.get("/audit").text
    assert keys.post("/proposals", {"act": "approve", "fingerprint": fingerprint}).status == 409
    assert "is intact" in keys.get("/audit?verify=1").text


def test_what_people_write_is_text_on_every_page(site: Console, people: dict[str, Visitor]) -> None:
    asyncio.run(proposed(site.relay, make_keypair(f"Mallory {EVIL.replace('>', '')} <mallory@ville.example>")))
    paths = [path for _, path, _ in MENU]
    paths += [
        "/messages/ID00001",
        "/messages?text=bob@ville.example",
        "/messages?text=%3Cscript%3E&since=%22%3E%3Cscript",
        "/keys?text=%22%3E%3Cscript%3E",
        "/bindings?key=%22%3E%3Cscript%3E",
    ]
    paths += ["/explain?from=%22%3E%3Cscript%3E@x.example&to=%3Cscript%3Ealert(1)%3C/script%3E"]
    for path in paths:
        text = people["admin"].get(path).text
        assert "<script" not in text.replace(HTMX, ""), path
        assert not re.search(r"<[a-z]+[^>]*\son[a-z]+=", text), path
    assert html.escape(RULE) in people["admin"].get("/messages").text.replace("&#34;", "&quot;")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bob@ville.example", 4),
        ("dr@hopital.example", 3),
        ("ID00002", 1),
        ("4F0003", 1),
        ("<1@hopital.example>", 1),
        ("nobody@ville.example", 0),
        ("no address", 0),
        ("", 4),
    ],
)
def test_a_mail_is_found_by_whatever_names_it(people: dict[str, Visitor], text: str, found: int) -> None:
    page = people["desk"].get(f"/messages?text={text.replace('<', '%3C').replace('>', '%3E').replace(' ', '+')}")
    assert page.text.count('href="/messages/ID') == found


def test_both_languages_have_every_page(site: Console, people: dict[str, Visitor]) -> None:
    english, french = people["admin"], Visitor(site.port, dict(people["admin"].cookies), language="fr")
    for _, path, _ in MENU:
        assert '<html lang="en">' in english.get(path).text
        assert '<html lang="fr">' in french.get(path).text
    assert '<html lang="fr">' in english.get("/?lang=fr").text
    assert '<html lang="fr">' in english.get("/held").text
    assert '<html lang="en">' in english.get("/?lang=en").text


def test_every_page_forbids_what_it_does_not_need(people: dict[str, Visitor]) -> None:
    headers = people["admin"].get("/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "script-src 'self'" in people["admin"].get("/keys").headers["Content-Security-Policy"], "htmx"
    assert "unsafe" not in people["admin"].get("/keys").headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


def test_without_the_relays_side_a_page_says_so_and_it_comes_back(site: Console, people: dict[str, Visitor]) -> None:
    site.stop("control")
    try:
        page = people["reader"].get("/")
        assert page.status == 503
        assert "pgp-relay-control" in page.text
        assert '<a href="/">Try again</a>' in page.text, "somebody who is logged in was told to log in"
    finally:
        site.start("control")
    assert people["reader"].get("/").status == 200


def test_what_a_page_does_a_command_does() -> None:
    known = {path.removeprefix("pgp-relay ") for path, _ in commands()}
    assert {act.command for act in DONE.values()} <= known


def test_no_log_names_a_mail_or_a_person(site: Console, people: dict[str, Visitor]) -> None:
    site.log_in("desk1", site.visitor(), words="wrong wrong wrong")
    assert '"way": "local", "why": "wrong"' in site.log
    people["desk"].get("/messages?text=bob@ville.example")
    assert "bob@" not in site.log
    assert "desk1" not in site.log


def test_the_consoles_processes_give_way_to_mail(site: Console) -> None:
    here = os.getpriority(os.PRIO_PROCESS, 0)
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in site.pids] == [min(10, here + 5)] * 2
