"""Nothing of a mail is on any page: real mails with subject, body and code, and every page and answer after them.

`lab.console.Visitor` listens to each answer (`lab.canary`), so the other tests of the console are such tests as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab import canary
from lab.console import Console, Visitor
from lab.pickup_site import DOCTOR, PATIENT, Site, pickup_site

from relay.model.console import Role
from relay.web.console.pages import PAGES

MAIL = (
    f"From: {DOCTOR}\r\nTo: {PATIENT}\r\nSubject: Biopsie de Madame Durand du 12 mars\r\n"
    "Message-ID: <biopsie@hopital.example>\r\n\r\n"
    "Le compte rendu montre un carcinome canalaire infiltrant.\r\nBien confraternellement.\r\n"
).encode()


@dataclass(frozen=True)
class Running:
    site: Site
    console: Console
    people: dict[str, Visitor]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with pickup_site() as site, Console(site.relay) as console:
        assert site.send(MAIL) == [250]
        canary.sent(b"Subject: " + site.code().encode() + b"\r\n\r\n")
        people = {role.value: console.logged_in(f"{role}1", role.value) for role in Role}
        yield Running(site, console, people)


def test_no_page_of_any_role_says_anything_of_a_mail(running: Running) -> None:
    for role, visitor in running.people.items():
        for page in PAGES:
            path = page.path.pattern
            if "(" not in path:
                answer = visitor.get(path)
                assert answer.status in {200, 403}, (role, path)
    found = running.people["desk"].get(f"/messages?text={PATIENT}")
    (path,) = set(re.findall(r'href="(/messages/[0-9A-Z]+)"', found.text))
    assert PATIENT in running.people["desk"].get(path).text
    for kind in ("csv", "json"):
        assert running.people["reader"].get(f"/audit/export.{kind}").status == 200


def test_a_code_on_a_page_would_be_heard(running: Running) -> None:
    """Else the test above could not fail."""
    with pytest.raises(canary.Sings):
        running.people["desk"].get(f"/messages?text={running.site.code()}")
    with pytest.raises(canary.Sings):
        running.people["desk"].get("/explain?from=Biopsie+de+Madame+Durand+du+12+mars&to=a@b.example")


def test_a_pickup_is_announced_again_extended_and_withdrawn_by_a_person_of_the_record(running: Running) -> None:
    desk = running.people["desk"]
    (one,) = json.loads(running.site.relay.run("pickup", "list", "--json").stdout)
    assert PATIENT in desk.get("/held").text
    link, letters = running.site.link(), len(running.site.sink.taken)
    assert desk.post("/held", {"act": "resend", "id": one["id"]}).headers["Location"] == "/held?done=resend"
    assert len(running.site.sink.taken) == letters + 1
    assert list(running.site.sink.taken[-1].recipients) == [PATIENT]
    assert running.site.link() == link
    assert desk.post("/held", {"act": "extend", "id": one["id"]}).headers["Location"] == "/held?done=extend"
    (longer,) = json.loads(running.site.relay.run("pickup", "list", "--json").stdout)
    assert longer["expires"] > one["expires"]
    assert desk.post("/held", {"act": "withdraw", "id": one["id"]}).headers["Location"] == "/held?done=withdraw"
    assert json.loads(running.site.relay.run("pickup", "list", "--json").stdout) == []
    assert PATIENT not in desk.get("/held").text
    assert desk.post("/held", {"act": "resend", "id": one["id"]}).status == 409
    told = running.site.relay.run("trace", "--keys", "--json").stdout.splitlines()
    rows = [each for each in map(json.loads, told) if each["address"] == PATIENT]
    assert [(each["actor"], each["reason"].split()[-1]) for each in rows] == [
        ("console:desk1", "again"),
        ("console:desk1", "extended"),
        ("console:desk1", "withdrawn"),
    ]
