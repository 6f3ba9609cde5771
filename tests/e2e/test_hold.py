"""A mail held for want of a key: with a real Postfix it waits, is told of once, and leaves by itself.

docs/holding.md tells administrators which settings of Postfix's decide about it; each is shown here.
"""

from __future__ import annotations

import email
import email.utils
import json
import re
import time
from collections.abc import Iterator

import pytest
from lab.certificates import make_keypair
from lab.mime import octets, parts
from lab.readers import READERS
from lab.sink import Taken
from lab.waiting import wait_for
from lab.way import Way, encrypted_part, way

pytestmark = pytest.mark.waits

SENDER = "doctor@front.example"
BODY = b"Le canari est arriv\xc3\xa9.\r\n"
POLICY = [
    {"name": "wait for a key", "to": ["*@hold.example"], "encrypt": "required", "without_key": "hold"},
    {"name": "everyone", "encrypt": "preferred"},
]


def settings(language: str = "en", waits: str = "5d") -> dict[str, object]:
    return {"policy": POLICY, "notices": {"from": "postmaster@front.example", "language": language, "waits": waits}}


@pytest.fixture(params=["lmtp", "smtp"])
def waiting(request: pytest.FixtureRequest) -> Iterator[Way]:
    with way(settings(), scheme=request.param) as made:
        yield made


def message(to: str) -> bytes:
    head = (
        f"From: Doctor <{SENDER}>\r\nTo: {to}\r\nSubject: findings canari\r\n"
        "Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <h1@front.example>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return head.encode() + BODY


def retried(running: Way, times: int) -> None:
    """Flush until Postfix has been told so often that the mail waits."""
    running.mta.retry()
    running.mta.wait_log(r"status=deferred.*Waiting for the recipient's key", times=times)


def test_it_is_told_once_that_it_waits_and_leaves_encrypted_when_the_key_is_there(waiting: Way) -> None:
    to = "bob@hold.example"
    waiting.mta.submit(SENDER, [to], message(to))
    (notice,) = waiting.sink.wait_for(1)
    waiting.mta.wait_log("status=deferred.*Waiting for the recipient's key")
    retried(waiting, 2)
    retried(waiting, 3)
    assert len(waiting.sink.taken) == 1
    assert (notice.sender, list(notice.recipients)) == ("", [SENDER])
    assert b"canari" not in notice.content

    key = waiting.know(to)[to]
    waiting.mta.retry()

    _, mail = waiting.mails(2)
    assert (mail.sender, list(mail.recipients)) == (SENDER, [to])
    assert READERS["sequoia"](encrypted_part(mail), key.secret, None).endswith(BODY)
    actions = [line["action"] for line in waiting.relay.trace("--to", to)]
    assert actions == ["hold", "hold", "hold", "encrypt"]


def test_an_import_says_which_mails_wait_for_the_key_and_has_postfix_send_them_at_once(waiting: Way) -> None:
    for to in ("bob@hold.example", "nobody@hold.example"):
        waiting.mta.submit(SENDER, [to], message(to))
    waiting.mta.wait_log("status=deferred.*Waiting for the recipient's key", times=2)
    waiting.mta.wait_deferred()  # one that is still under way is not sent again at once
    (mail,) = [m for m in json.loads(waiting.relay.run("held", "--json").stdout) if m["recipient"].startswith("bob")]
    pair = make_keypair("<gateway@partner.example>")
    done = waiting.relay.run("keys", "import", "-", "--flush", content=pair.public)
    assert b"wait" not in done.stdout

    said = waiting.relay.run("keys", "bind", "bob@hold.example", pair.fingerprint, "--flush").stdout.decode()

    assert f"1 mail waits for this key: {mail['queue_id']}\nPostfix was asked to send 1 of them now\n" in said
    encrypted = next(m for m in waiting.sink.wait_for(3) if list(m.recipients) == ["bob@hold.example"])
    assert READERS["sequoia"](encrypted_part(encrypted), pair.secret, None).endswith(BODY)
    wait_for(lambda: len(waiting.mta.queue()) == 1, "the other one alone waits")


def test_others_do_not_wait_for_the_one_who_has_no_key(waiting: Way) -> None:
    held, other = "bob@hold.example", "someone@else.example"
    waiting.mta.submit(SENDER, [held, other], message(f"{held}, {other}"))
    mails = waiting.sink.wait_for(2)
    assert sorted(next(iter(mail.recipients)) for mail in mails) == sorted([SENDER, other])
    waiting.mta.wait_log("status=deferred")
    waiting.mta.retry()

    waiting.know(held)
    waiting.mta.retry()

    mails = waiting.mails(3)
    assert [list(mail.recipients) for mail in mails].count([other]) == 1


@pytest.mark.parametrize(("language", "said"), [("en", "It waits until "), ("fr", "Il reste en attente jusqu'au ")])
def test_the_notice_says_in_the_sites_language_until_when(language: str, said: str) -> None:
    with way(settings(language, "36h")) as running:
        running.mta.submit(SENDER, ["bob@hold.example"], message("bob@hold.example"))
        (notice,) = running.sink.wait_for(1)
        text, status, _ = parts(email.message_from_bytes(notice.content))
        assert said in octets(text).decode()
        about, group = parts(status)
        waits = email.utils.parsedate_to_datetime(group["Will-Retry-Until"])
        assert (waits - email.utils.parsedate_to_datetime(about["Arrival-Date"])).total_seconds() == 36 * 3600


def given_up(main: dict[str, str]) -> Taken:
    """The bounce of a held mail whose time with Postfix is over."""
    with way(settings(), main={"maximal_queue_lifetime": "2s", "bounce_queue_lifetime": "2s", **main}) as running:
        running.mta.submit(SENDER, ["bob@hold.example"], message("bob@hold.example"))
        running.mta.wait_log("status=deferred.*Waiting for the recipient's key")
        time.sleep(2)  # nothing tells that a time is over but the time
        running.mta.retry()
        mails = running.mails(2)  # a slow first try leads to the bounce as well, which may pass the notice
        assert [mail.sender for mail in mails] == ["", ""]
        (bounce,) = [mail for mail in mails if b"Undelivered Mail Returned to Sender" in mail.content]
        return bounce


def test_when_postfix_gives_up_its_bounce_carries_headers_and_no_body() -> None:
    bounce = given_up({})
    assert b"Content-Type: text/rfc822-headers" in bounce.content
    assert BODY not in bounce.content
    assert re.search(rb"450 4\.7\.1 Waiting for\s+the recipient's key", bounce.content)


def test_with_postfix_own_default_the_bounce_would_carry_the_whole_mail() -> None:
    assert BODY in given_up({"bounce_size_limit": "50000"}).content


def test_a_mail_that_an_administrator_deleted_is_told_by_the_queue(waiting: Way) -> None:
    waiting.mta.submit(SENDER, ["bob@hold.example"], message("bob@hold.example"))
    waiting.mta.wait_log(r"status=deferred.*Waiting for the recipient's key")
    assert b"bob@hold.example" in (listed := waiting.relay.run("held")).stdout
    assert listed.stderr == b""
    (mail,) = json.loads(waiting.relay.run("held", "--json").stdout)
    waiting.mta.command("postsuper", "-d", mail["queue_id"])
    assert waiting.relay.run("held").stderr.startswith(f"{mail['queue_id']} is not in Postfix's queue".encode())
