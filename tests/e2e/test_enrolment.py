"""A correspondent without a key gives one on our page, and the mail that waited leaves encrypted by itself."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

import pytest
from lab.certificates import Keypair, make_keypair
from lab.public import HOST, Told, WebPublic
from lab.readers import READERS
from lab.sink import Taken
from lab.waiting import wait_for
from lab.way import Way, encrypted_part, way

from relay.mail.armor import enarmor

pytestmark = pytest.mark.waits

DOCTOR, BOB, EVE = "doctor@front.example", "bob@hold.example", "eve@hold.example"
BODY = b"Le canari est arriv\xc3\xa9.\r\n"
POLICY = [{"name": "wait", "to": ["*@hold.example"], "without_key": "hold"}, {"name": "all", "encrypt": "preferred"}]
ENROL = {"enrol": {"web": f"https://{HOST}", "budget": {"address": 2, "domain": 5, "all": 10}}}


@dataclass
class Hospital:
    way: Way
    web: WebPublic

    def post(self, path: str, **values: str) -> Told:
        form = {"Content_Type": "application/x-www-form-urlencoded", "Accept_Language": "en"}
        return self.web.ask(path, "POST", urlencode(values).encode(), **form)

    def send_in(self, pair: Keypair, address: str) -> None:
        """On the page, as a browser does it."""
        key = enarmor(pair.public, "PUBLIC KEY BLOCK").decode()
        page = self.post("/keys", key=key)
        assert self.post("/keys", key=key, address=address, token=hidden(page)).status == 200

    def mails(self, to: str) -> list[Taken]:
        return [mail for mail in self.way.sink.taken if to in mail.recipients]

    def come(self, to: str, count: int) -> list[Taken]:
        """As many mails to this address, once they are there."""
        return wait_for(lambda: found if len(found := self.mails(to)) >= count else None, f"{count} mails to {to}")

    def link(self, pair: Keypair, mail: Taken) -> str:
        """In the challenge, which only this key opens."""
        clear = READERS["sequoia"](encrypted_part(mail), pair.secret, None)
        body = email.message_from_bytes(clear, policy=email.policy.default).get_content()
        found = re.search(rf"https://{HOST}(/keys/confirm/[\w-]+)", body)
        assert found, body
        return found[1]

    def figures(self) -> dict[str, str]:
        """What became of keys, from the log."""
        seen = [event for event in self.way.relay.events if event["event"] == "enrolment"]
        return {event["result"]: event["recipient"] for event in seen}


def hidden(told: Told) -> str:
    found = re.search(r'name="token" value="([^"]*)"', told.body.decode())
    assert found, told.body.decode()
    return unescape(found[1])


def message(to: str) -> bytes:
    head = f"From: <{DOCTOR}>\r\nTo: {to}\r\nSubject: findings canari\r\nMessage-ID: <e1@front.example>\r\n"
    kind = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return f"{head}{kind}".encode() + BODY


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with WebPublic(settings=ENROL) as web:
        web.start()
        settings = {
            **ENROL,
            "policy": POLICY,
            "notices": {"from": "Hôpital <postmaster@front.example>"},
            "web": {"channel": f"unix:{web.socket}"},
        }
        with way(settings, signer=True) as made:
            yield Hospital(made, web)


def test_a_mail_that_waited_leaves_encrypted_once_the_key_is_confirmed_on_the_page(hospital: Hospital) -> None:
    pair, running = make_keypair(f"Bob <{BOB}>"), hospital.way
    running.mta.submit(DOCTOR, [BOB], message(BOB))
    running.mta.wait_log("status=deferred.*Waiting for the recipient's key")
    running.mta.wait_deferred()  # one that is still under way is not sent again at once
    hospital.send_in(pair, BOB)
    (challenge,) = hospital.come(BOB, 1)
    assert challenge.sender == ""
    link = hospital.link(pair, challenge)

    for scanned in (hospital.web.ask(link), hospital.web.ask(link, "HEAD"), hospital.post(link)):
        assert b"Bob" not in scanned.body
    assert hospital.post(link, token="0" * 64).status == 403
    assert "enrolled" not in hospital.figures()
    assert hospital.post(link, token=hidden(hospital.web.ask(link))).status == 200

    _, mail = hospital.come(BOB, 2)
    running.mta.wait_empty()
    assert READERS["sequoia"](encrypted_part(mail), pair.secret, None).endswith(BODY)
    keys = json.loads(running.relay.run("keys", "list", "--json").stdout)
    (key,) = [each for each in keys if each["fingerprint"] == pair.fingerprint]
    assert (key["origin"], key["proposed"]) == ("enrolled", False)
    changes = [json.loads(line) for line in running.relay.run("trace", "--keys", "--json").stdout.splitlines()]
    (change,) = [each for each in changes if each["address"] == BOB]
    assert (change["actor"], change["new"]) == ("enrolment", pair.fingerprint)
    assert hospital.web.ask(link).status == 404, "confirmed twice"


def test_where_an_administrator_imported_a_key_one_that_is_sent_in_waits_for_him(hospital: Hospital) -> None:
    imported = hospital.way.know(EVE)[EVE]
    pair = make_keypair(f"Eve <{EVE}>")
    hospital.send_in(pair, EVE)
    (challenge,) = hospital.come(EVE, 1)
    link = hospital.link(pair, challenge)
    hospital.post(link, token=hidden(hospital.web.ask(link)))
    (offered,) = wait_for_proposals(hospital)
    assert (offered["fingerprint"], offered["replaces"]) == (pair.fingerprint, imported.fingerprint)
    assert offered["origin"] == "enrolled"


def wait_for_proposals(hospital: Hospital) -> list[dict[str, str]]:
    def look() -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(hospital.way.relay.run("keys", "proposals", "--json").stdout)
        return found

    return wait_for(look, "proposed")


def test_beyond_the_budget_nothing_is_mailed(hospital: Hospital) -> None:
    for _ in range(3):
        hospital.send_in(make_keypair("<zoe@hold.example>"), "zoe@hold.example")
    wait_for(lambda: "budget" in hospital.figures(), "the budget was used up")
    hospital.come("zoe@hold.example", 2)
    hospital.way.mta.wait_empty()
    assert len(hospital.mails("zoe@hold.example")) == 2


def test_the_recipient_of_a_held_mail_is_invited_once_and_never_after_not_me() -> None:
    to, enrol = "ines@hold.example", {**ENROL["enrol"], "invite": True}
    settings = {"policy": POLICY, "notices": {"from": "Hôpital <postmaster@front.example>", "language": "fr"}}
    settings |= {"lookup": {"sources": ["keyring"], "cache": {"found": "10s"}}, "enrol": enrol}
    with WebPublic(settings={"enrol": enrol}) as web:
        web.start()
        with way({**settings, "web": {"channel": f"unix:{web.socket}"}}, signer=True) as running:
            hospital = Hospital(running, web)
            running.mta.submit(DOCTOR, [to], message(to))
            running.sink.wait_for(2)  # the notice, and the invitation
            running.mta.retry()
            put_off(running, 2)
            running.relay.stop()
            running.relay.start()
            running.mta.retry()
            put_off(running, 3)
            (invitation,) = hospital.mails(to)
            (notice,) = hospital.mails(DOCTOR)
            assert "Nous avons demandé une clé au destinataire par courriel." in report(notice)
            text = invited(invitation)
            found = re.search(rf"https://{HOST}(/keys/confirm/[\w-]+)", text)
            assert found
            assert hospital.post(found[1], token=hidden(hospital.web.ask(found[1]))).status == 200
            wait_for(lambda: hospital.figures().get("refused") == to, "the refusal is known")
            running.mta.submit(DOCTOR, [to], message(to).replace(b"e1@", b"e2@"))
            running.sink.wait_for(3)
            put_off(running, 4)
            assert len(hospital.mails(to)) == 1
            assert "demandé une clé au" not in report(hospital.mails(DOCTOR)[-1])
    for secret in (DOCTOR, "findings", "canari", "doctor"):
        assert secret not in text


def put_off(running: Way, times: int) -> None:
    """Return when Postfix was told so often that a mail waits, and has delivered what came of it."""
    running.mta.wait_log("status=deferred.*Waiting for the recipient's key", times=times)
    running.mta.wait_deferred()


def report(notice: Taken) -> str:
    """What people read of a notice, without its line ends."""
    text, *_ = email.message_from_bytes(notice.content, policy=email.policy.default).iter_parts()
    return " ".join(text.get_content().split())


def invited(invitation: Taken) -> str:
    """All of an invitation's text, and its header."""
    parsed = email.message_from_bytes(invitation.content, policy=email.policy.default)
    text, signature = parsed.iter_parts()
    assert (invitation.sender, signature.get_content_type()) == ("", "application/pgp-signature")
    assert f"https://{HOST}/keys\r\n" in text.get_content()
    assert "Hôpital" in text.get_content()
    return f"{text.get_content()}{parsed}"
