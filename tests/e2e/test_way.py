"""Postfix -> relay -> Postfix -> mailbox, with everything real, over LMTP and over SMTP as content_filter."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest
from lab.gnupghome import gpg
from lab.readers import READERS
from lab.sink import Taken
from lab.way import Way, encrypted_part, way

SENDER = "doctor@front.example"
HEADER = (
    f"From: Doctor <{SENDER}>\r\nTo: {{to}}\r\nSubject: Findings =?utf-8?q?=C3=A9t=C3=A9?=\r\n"
    "Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{id}@front.example>\r\n"
    "X-Odd:   kept as\r\n\tit is \r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
)
BODY = "Le résultat est arrivé.\r\n.dots\r\n\r\nFrom here on  \r\n".encode() + b"z" * 1500 + b"\r\n"

POLICY = [
    {"name": "must", "to": ["*@must.example"], "encrypt": "required"},
    {"name": "everyone", "encrypt": "preferred"},
]


@pytest.fixture(scope="module", params=["lmtp", "smtp"])
def running(request: pytest.FixtureRequest) -> Iterator[Way]:
    with way({"policy": POLICY}, scheme=request.param, signer=True) as made:
        yield made


@pytest.fixture
def whole(running: Way) -> Way:
    """Started once; every test writes to people of its own."""
    running.sink.forget()
    return running


def message(to: str, id_: str = "1", extra: str = "") -> bytes:
    return (HEADER.format(to=to, id=id_) + extra).encode() + b"\r\n" + BODY


def of(mails: list[Taken], recipient: str) -> Taken:
    (found,) = [mail for mail in mails if recipient in mail.recipients]
    return found


def received_lines(mail: Taken, sent: bytes) -> list[str]:
    """What stands in front of what was sent; everything else must be as it was sent."""
    assert mail.content.endswith(sent)
    return re.findall(r"(?m)^Received: .*(?:\n[ \t].*)*", mail.content.removesuffix(sent).decode())


def test_a_mail_for_a_known_key_arrives_sealed_and_others_software_reads_it(whole: Way) -> None:
    key = whole.know("Bob@Known.example")["Bob@Known.example"]

    whole.mta.submit(SENDER, ["bob@known.example"], message("bob@known.example"))

    (mail,) = whole.mails(1)
    assert "Subject: [...]" in mail.header
    assert b"sultat" not in mail.content
    signer = gpg(whole.relay.keyring, "--export").stdout
    for name, read in READERS.items():
        clear = read(encrypted_part(mail), key.secret, signer)
        assert clear.partition(b"\r\n\r\n")[2] == BODY, name
        assert b"Subject: Findings =?utf-8?q?=C3=A9t=C3=A9?=\r\n" in clear


def test_under_preferred_an_unknown_recipient_gets_the_very_bytes_and_a_received_line(whole: Way) -> None:
    sent = message("someone@unknown.example")

    whole.mta.submit(SENDER, ["someone@unknown.example"], sent)

    (mail,) = whole.mails(1)
    lines = received_lines(mail, sent)
    assert len(lines) == 3, lines  # the front's, the relay's, that of Postfix taking it back
    assert "by relay.example" in lines[1]


def test_under_required_an_unknown_recipient_gets_nothing_and_the_sender_a_notice(whole: Way) -> None:
    whole.mta.submit(SENDER, ["someone@must.example"], message("someone@must.example"))

    (notice,) = whole.mails(1)
    assert (notice.sender, list(notice.recipients)) == ("", [SENDER])
    assert b"someone@must.example" in notice.content
    assert not re.search(rb"sultat|Findings", notice.content)
    (line,) = whole.relay.trace("--to", "someone@must.example")
    assert (line["action"], line["rule"]) == ("refuse", "must")


def test_one_mail_for_two_of_each_kind_one_of_them_bcc_is_told_apart_for_each(whole: Way) -> None:
    known, hidden = "named@known.example", "hidden@known.example"
    unknown = ["named@unknown.example", "hidden@unknown.example"]
    keys = whole.know(known, hidden)
    sent = message(f"{known}, {unknown[0]}", extra=f"Bcc: {hidden}, {unknown[1]}\r\n")

    whole.mta.submit(SENDER, [known, hidden, *unknown], sent)

    mails = whole.mails(3)
    assert sorted(sorted(mail.recipients) for mail in mails) == sorted([[known], [hidden], sorted(unknown)])
    assert not any(re.search(rb"(?mi)^(Resent-)?Bcc:|^(From|To|Cc): .*hidden", mail.content) for mail in mails)
    assert of(mails, unknown[0]).body == BODY
    for mine, other in ((known, hidden), (hidden, known)):
        sealed = encrypted_part(of(mails, mine))
        assert READERS["sequoia"](sealed, keys[mine].secret, None).endswith(BODY)
        with pytest.raises(subprocess.CalledProcessError):
            READERS["sequoia"](sealed, keys[other].secret, None)


def test_the_null_sender_stays_null(whole: Way) -> None:
    whole.know("null@known.example")

    whole.mta.submit("", ["null@known.example", "null@unknown.example"], message("null@known.example"))

    assert [mail.sender for mail in whole.mails(2)] == ["", ""]


def test_dsn_parameters_and_the_queue_id_come_through(whole: Way) -> None:
    whole.know("dsn@known.example")
    wish = ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;Dsn+2B@Known.example"]

    queue_id = whole.mta.submit(
        SENDER,
        [("dsn@known.example", wish), ("dsn@unknown.example", ["NOTIFY=NEVER"])],
        message("dsn@known.example"),
        options=["RET=HDRS", "ENVID=A+2Bb", "BODY=8BITMIME"],
    )

    mails = whole.mails(2)
    assert set(wish) <= set(of(mails, "dsn@known.example").recipients["dsn@known.example"])
    assert "NOTIFY=NEVER" in of(mails, "dsn@unknown.example").recipients["dsn@unknown.example"]
    for mail in mails:
        assert {"RET=HDRS", "ENVID=A+2Bb"} <= set(mail.options)
        assert (mail.xforward["IDENT"], mail.xforward["HELO"]) == (queue_id, "client.example")
    assert {line["queue_id"] for line in whole.relay.trace("--to", "dsn@known.example")} == {queue_id}
