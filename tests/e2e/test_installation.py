"""The lines that `postfix install` writes, at work: on a running Postfix, at their limits, and where mail leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lab.ports import free_port
from lab.postfix import Postfix
from lab.readers import READERS
from lab.relay import Relay
from lab.sink import Sink
from lab.way import Way, encrypted_part, way

pytestmark = pytest.mark.waits

SENDER = "doctor@front.example"


def message(to: str, body: bytes = b"Bonjour.\r\n") -> bytes:
    head = f"From: {SENDER}\r\nTo: {to}\r\nSubject: Hello\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\n"
    return f"{head}Message-ID: <1@front.example>\r\n\r\n".encode() + body


def files(mta: Postfix) -> dict[str, tuple[bytes, int]]:
    """Every file of the configuration folder: its octets and its mode."""
    return {path.name: (path.read_bytes(), path.stat().st_mode) for path in mta.folder.iterdir()}


def test_a_running_postfix_takes_the_relay_in_and_gives_it_back() -> None:
    settings = {"reinject": f"smtp://127.0.0.1:{free_port()}"}
    with Sink() as sink, Relay(settings) as relay, Postfix(relayhost=sink.port, relays=[relay]) as mta:
        before = files(mta)
        mta.submit(SENDER, ["one@other.example"], message("one@other.example"))
        mta.wait_empty()
        relay.run("postfix", "install", "--config-dir", mta.folder)
        once = files(mta)
        relay.run("postfix", "install", "--config-dir", mta.folder)
        assert files(mta) == once != before
        mta.reload()
        mta.submit(SENDER, ["two@other.example"], message("two@other.example"))  # the relay is not there yet: it waits
        mta.wait_log(r"status=deferred.*Connection refused")
        relay.start()
        mta.retry()
        sink.wait_for(2)
        mta.wait_empty()  # the relay has answered, too
        relay.run("postfix", "uninstall", "--config-dir", mta.folder)
        assert files(mta) == before
        mta.reload()
        relay.stop()
        mta.submit(SENDER, ["three@other.example"], message("three@other.example"))

        mails = {next(iter(mail.recipients)): mail for mail in sink.wait_for(3)}
        mta.wait_empty()
    through = {name: "by relay.example" in mail.header for name, mail in mails.items()}
    assert through == {"one@other.example": False, "two@other.example": True, "three@other.example": False}


def test_a_mail_as_large_as_postfix_admits_comes_back_encrypted_though_it_has_grown() -> None:
    with way(anew=True) as whole:
        key = whole.know("bob@known.example")["bob@known.example"]
        body = (b"x" * 70 + b"\r\n") * 140_000
        limit = int(whole.mta.command("postconf", "-h", "message_size_limit"))
        assert len(body) < limit < len(body) * 1.3

        whole.mta.submit(SENDER, ["bob@known.example"], message("bob@known.example", body))

        (mail,) = whole.mails(1)
        assert len(mail.content) > limit
        assert READERS["sequoia"](encrypted_part(mail), key.secret, None).endswith(body)


@dataclass
class Leaving:
    """A Postfix with mailboxes of its own, where the relay stands before the outside alone."""

    way: Way
    mailboxes: Sink


@pytest.fixture(scope="module")
def running() -> Iterator[Leaving]:
    aliases = "inline:{ {alias@front.example=someone@outside.example} {team@front.example=doctor@front.example} }"
    policy = [
        {"name": "must", "to": ["*@must.example"], "encrypt": "required"},
        {"name": "all", "encrypt": "preferred"},
    ]
    with Sink(lmtp=True) as mailboxes:
        main = {
            "virtual_mailbox_domains": "front.example",
            "virtual_transport": f"lmtp:inet:127.0.0.1:{mailboxes.port}",
            "virtual_alias_maps": aliases,
            "always_bcc": "archive@front.example",
        }
        with way({"policy": policy}, egress=True, main=main, anew=True) as made:
            yield Leaving(made, mailboxes)


@pytest.fixture
def leaving(running: Leaving) -> Leaving:
    running.way.sink.forget()
    running.mailboxes.forget()
    return running


def recipients(sink: Sink) -> list[str]:
    return sorted(recipient for mail in sink.taken for recipient in mail.recipients)


def test_where_mail_leaves_it_meets_the_relay_once_and_goes_on_to_the_next_hop(leaving: Leaving) -> None:
    key = leaving.way.know("bob@known.example")["bob@known.example"]
    sent = message("bob@known.example, colleague@front.example")

    leaving.way.mta.submit(SENDER, ["bob@known.example", "alias@front.example", "colleague@front.example"], sent)

    leaving.mailboxes.wait_for(1)
    mails = leaving.way.mails(2)
    encrypted, clear = sorted(mails, key=lambda mail: b"BEGIN PGP" not in mail.content)
    assert READERS["sequoia"](encrypted_part(encrypted), key.secret, None).endswith(b"Bonjour.\r\n")
    assert list(clear.recipients) == ["someone@outside.example"]
    assert [mail.header.count("by relay.example") for mail in mails] == [1, 1]
    assert recipients(leaving.mailboxes) == ["archive@front.example", "colleague@front.example"]
    assert not any("by relay.example" in mail.header for mail in leaving.mailboxes.taken)


@pytest.mark.parametrize("sender", [SENDER, "team@front.example"])
def test_where_mail_leaves_the_notice_to_one_of_our_own_is_delivered_here(leaving: Leaving, sender: str) -> None:
    leaving.way.mta.submit(sender, ["someone@must.example"], message("someone@must.example"))

    leaving.mailboxes.wait_for(2)
    leaving.way.mta.wait_empty()
    assert recipients(leaving.mailboxes) == [
        "archive@front.example",
        SENDER,
    ]  # the archive's is the mail, not the notice
    (notice,) = [mail for mail in leaving.mailboxes.taken if SENDER in mail.recipients]
    assert re.search(r"(?m)^Auto-Submitted:", notice.header)
    assert recipients(leaving.way.sink) == []
