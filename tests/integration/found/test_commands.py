"""What people see of keys that find themselves: the commands, the daily mail, the trace."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from lab.certificates import make_keypair
from lab.client import Client
from lab.correspondent import Correspondent, in_days
from lab.known import Known
from lab.published import Published
from lab.relay import Relay
from lab.sink import Sink
from lab.slapd import Slapd
from lab.waiting import wait_for
from lab.wkd import Exchange

pytestmark = pytest.mark.waits

DOMAIN = "ville.example"
BOB = f"bob@{DOMAIN}"
TELLS_OF_ROUNDS = """
import pathlib
from relay.daemon.jobs.daily_report import DailyReport
real = DailyReport.round
async def round(self):
    await real(self)
    pathlib.Path("round").touch()
DailyReport.round = round
"""


@dataclass
class Site:
    relay: Relay
    sink: Sink
    wkd: Published

    def json(self, *words: str) -> Any:  # noqa: ANN401  JSON
        return json.loads(self.relay.run(*words, "--json").stdout)

    def lookup(self, *words: str) -> dict[str, Any]:
        answer: dict[str, Any]
        (answer,) = [a for a in self.json("keys", "lookup", BOB, *words) if a["source"] == "wkd"]
        return answer

    def start(self) -> None:
        """Until it has looked whether a daily mail is due."""
        over = self.relay.folder / "round"
        over.unlink(missing_ok=True)
        self.relay.altered = TELLS_OF_ROUNDS
        self.relay.start()
        wait_for(over.exists, "a round of the daily report is over")

    def configure(self, **settings: object) -> None:
        self.relay.configure({**self.relay.settings, **settings})


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        wkd = stack.enter_context(Published(DOMAIN))
        settings = {
            "reinject": f"smtp://127.0.0.1:{sink.port}",
            "lookup": {"sources": ["keyring", "ldap", "wkd"], "wkd": wkd.settings},
            "policy": [{"name": "everyone", "encrypt": "required"}],
        }
        yield Site(stack.enter_context(Relay(settings)), sink, wkd)


@pytest.fixture
def person() -> Iterator[Correspondent]:
    with Correspondent() as made:
        yield made


async def _server_error(exchange: Exchange) -> None:
    await exchange.answer(b"", "503 Service Unavailable")


def test_lookup_tells_each_sources_answer_its_time_and_why(site: Site) -> None:
    site.wkd.behave(DOMAIN, _server_error)
    answers = site.json("keys", "lookup", BOB)
    assert [(a["source"], a["result"]) for a in answers] == [("keyring", "not found"), ("wkd", "unavailable")]
    first = answers[1]
    assert (first["method"], first["reason"]) == ("wkd/advanced", "the server reports a fault of its own")
    key = make_keypair(f"<{BOB}>")
    site.wkd.behave(DOMAIN, None)
    site.wkd.publish(BOB, key.public)
    assert site.lookup()["result"] == "unavailable", "remembered over processes"
    assert site.lookup()["time"] == first["time"]
    fresh = site.lookup("--fresh")
    assert (fresh["result"], fresh["fingerprint"]) == ("found", key.fingerprint)
    assert [key["origin"] for key in site.json("keys", "list")] == ["wkd"]


def test_explain_names_the_method_and_so_does_the_second_time_from_the_store(site: Site) -> None:
    site.wkd.publish(BOB, make_keypair(f"<{BOB}>").public)
    for _ in range(2):
        told = site.json("explain", "--from", "a@here.example", "--to", BOB)
        assert (told["action"], told["reason"], told["origin"]) == ("encrypt", "key found: wkd/advanced", "wkd")
    assert len(site.wkd.asked) == 1


def test_explain_names_each_source_asked_its_method_time_and_why_it_stopped_there(site: Site) -> None:
    key = make_keypair(f"<{BOB}>")
    with Slapd() as directory:
        directory.add_root()
        directory.add_server_info()
        server = {"url": f"ldap://127.0.0.1:{directory.port}", "timeout": "10s"}
        site.configure(lookup={**site.relay.settings["lookup"], "ldap": [server]})
        site.wkd.publish(BOB, key.public)
        told = site.relay.run("explain", "--from", "a@here.example", "--to", BOB).stdout.decode().splitlines()
        again = site.relay.run("explain", "--from", "a@here.example", "--to", BOB).stdout.decode().splitlines()
        assert f"gpgMailbox={BOB}" in directory.log
    took = r"\(\d+\.\d{3} s\)"
    for line, pattern in zip(
        filter(None, told),
        [
            "encrypt: key found: wkd/advanced",
            rf"  key        {key.fingerprint} by wkd/advanced \(wkd\), expires \S+",
            "  signed by  nobody",
            "  subject    protected",
            "rules",
            "  everyone  matches: encrypt: required",
            "keys",
            rf"  keyring          has no key {took}; the next one is asked",
            rf"  ldap/gpgMailbox  has no key {took}; the next one is asked",
            rf"  wkd/advanced     has {key.fingerprint} {took}; usable: the search ends",
            rf"  certificate      made \S+; expires \S+; encrypts with \S+ \(\w+\); has a user id with {BOB}; not weak",
        ],
        strict=True,
    ):
        assert re.fullmatch(pattern, line), line
    remembered = rf"  wkd/advanced  has {key.fingerprint} \(remembered from \S+\); usable: the search ends"
    assert any(re.fullmatch(remembered, line) for line in again)
    assert "  not asked     ldap" in again


def test_a_proposal_is_listed_approved_or_rejected(site: Site, person: Correspondent) -> None:
    old = person.new_key(f"<{BOB}>", created="20200101T000000", expires="20210101T000000")
    site.relay.run("keys", "import", "-", content=person.export(old))
    new = make_keypair(f"<{BOB}>")
    site.wkd.publish(BOB, new.public)
    told = site.json("explain", "--from", "a@here.example", "--to", BOB)
    assert (told["action"], told["fingerprint"], told["reason"]) == ("refuse", old, "the key has expired")
    listed = {key["fingerprint"]: (key["origin"], key["proposed"]) for key in site.json("keys", "list")}
    assert listed == {old: ("imported", False), new.fingerprint: ("wkd", True)}
    assert site.relay.run("keys", "approve", old, check=False).returncode == 1
    site.relay.run("keys", "approve", new.fingerprint)
    told = site.json("explain", "--from", "a@here.example", "--to", BOB)
    assert (told["action"], told["fingerprint"]) == ("encrypt", new.fingerprint)
    assert site.relay.run("keys", "reject", new.fingerprint, check=False).returncode == 1


def test_a_proposal_that_is_rejected_is_gone_and_not_proposed_again(site: Site, person: Correspondent) -> None:
    old = person.new_key(f"<{BOB}>", created="20200101T000000", expires="20210101T000000")
    site.relay.run("keys", "import", "-", content=person.export(old))
    new = make_keypair(f"<{BOB}>")
    site.wkd.publish(BOB, new.public)
    site.lookup()
    site.relay.run("keys", "reject", new.fingerprint)
    site.lookup("--fresh")
    assert [key["fingerprint"] for key in site.json("keys", "list")] == [old]


def test_expiring_lists_what_ends_within(site: Site, person: Correspondent) -> None:
    soon = person.new_key("<soon@ville.example>", expires=in_days(15))
    later = person.new_key("<later@ville.example>", expires=in_days(45))
    site.relay.run("keys", "import", "-", content=person.export(soon, later))
    assert [key["fingerprint"] for key in site.json("keys", "expiring")] == [soon, later]
    assert [key["fingerprint"] for key in site.json("keys", "expiring", "--within", "30d")] == [soon]
    assert site.relay.run("keys", "expiring", "--within", "soon", check=False).returncode == 2


@pytest.mark.parametrize(("language", "word"), [("en", "Keys that expire soon"), ("fr", "Clés qui expirent bientôt")])
def test_the_daily_mail_tells_once_what_ends_what_was_wanted_and_what_waits(
    site: Site, person: Correspondent, language: str, word: str
) -> None:
    soon = person.new_key("<soon@ville.example>", expires=in_days(0.5))
    old = person.new_key(f"<{BOB}>", created="20200101T000000", expires="20210101T000000")
    site.relay.run("keys", "import", "-", content=person.export(soon, old))
    new = make_keypair(f"<{BOB}>")
    site.wkd.publish(BOB, new.public)
    site.lookup()
    site.configure(notices={"language": language, "contact": "the IT desk <it@here.example>, phone 4321"})
    site.start()
    (taken,) = site.sink.taken
    assert (taken.sender, list(taken.recipients)) == ("", ["it@here.example"])
    mail = email.message_from_bytes(taken.content, policy=email.policy.default)
    text = mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "soon@ville.example" in text
    assert soon in text
    assert word in text
    assert f"keys approve {new.fingerprint}" in text
    site.relay.stop()
    site.start()
    assert len(site.sink.taken) == 1, "not twice, after a restart either"


def test_a_contact_without_an_address_gets_no_daily_mail(site: Site, person: Correspondent) -> None:
    soon = person.new_key("<soon@ville.example>", expires=in_days(0.5))
    site.relay.run("keys", "import", "-", content=person.export(soon))
    site.configure(notices={"contact": "the IT desk, phone 4321"})
    site.start()
    site.relay.stop()
    assert site.sink.taken == []


def test_upkeep_finds_a_revocation_of_an_imported_key_while_nobody_writes(site: Site, person: Correspondent) -> None:
    key = person.new_key(f"<{BOB}>")
    site.relay.run("keys", "import", "-", content=person.export(key))
    person.revoke(key)
    site.wkd.publish(BOB, person.export(key))
    site.relay.start()
    wait_for(lambda: site.json("keys", "list")[0]["reason"] == "the key is revoked", "the revocation counts")


def test_upkeep_renews_a_fetched_key_before_it_is_old(site: Site) -> None:
    key = make_keypair(f"<{BOB}>")
    site.wkd.publish(BOB, key.public)
    site.configure(lookup={**site.relay.settings["lookup"], "cache": {"found": "5s"}})
    site.lookup()
    site.relay.start()
    wait_for(lambda: len(site.wkd.asked) > 2, "asked again and again")


def test_ldap_without_servers_is_nothing_to_ask(site: Site) -> None:
    assert [a["source"] for a in site.json("keys", "lookup", BOB)] == ["keyring", "wkd"]


def test_who_was_refused_for_want_of_a_key_is_in_the_daily_mail(site: Site) -> None:
    with Known() as known:
        known.introduce(site.relay)

    async def send() -> str:
        async with Client(f"lmtp://127.0.0.1:{site.relay.port}") as client:
            await client.hello()
            content = b"From: <doctor@here.example>\r\nSubject: canary\r\n\r\nsecret\r\n"
            (reply,) = await client.send("doctor@here.example", ["nokey@ville.example"], content)
        return reply

    site.relay.start()
    assert asyncio.run(send()).startswith("250"), site.relay.log[-2000:]
    site.relay.stop()
    site.configure(notices={"contact": "it@here.example"})
    site.start()
    _, taken = site.sink.taken
    text = email.message_from_bytes(taken.content, policy=email.policy.default).get_content()
    assert "nokey@ville.example" in text
    assert "wanted by doctor@here.example; 1 mail" in text
    assert b"canary" not in taken.content
