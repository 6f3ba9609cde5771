"""Postfix -> relay -> Postfix -> mailbox, with everything real, over LMTP and over SMTP as content_filter."""

from __future__ import annotations

import email
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from email.utils import format_datetime, localtime

import pytest
from lab.certificates import Keypair
from lab.gnupghome import gpg
from lab.mime import octets, parts
from lab.readers import READERS
from lab.sink import Taken
from lab.way import Way, encrypted_part, way

pytestmark = pytest.mark.waits

SENDER = "doctor@front.example"
HEADER = (
    f"From: Doctor <{SENDER}>\r\nTo: {{to}}\r\nSubject: Findings =?utf-8?q?=C3=A9t=C3=A9?=\r\n"
    "Date: {date}\r\nMessage-ID: <{id}@front.example>\r\n"
    "X-Odd:   kept as\r\n\tit is \r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
)
BODY = "Le résultat est arrivé.\r\n.dots\r\n\r\nFrom here on  \r\n".encode() + b"z" * 1500 + b"\r\n"

KINDS = ("known", "unknown", "must")
POLICY = [
    {"name": "must", "to": ["*@must.example"], "encrypt": "required"},
    {"name": "everyone", "encrypt": "preferred"},
]


@pytest.fixture(scope="module", params=["lmtp", "smtp"])
def running(request: pytest.FixtureRequest) -> Iterator[Way]:
    itself = {"message_drop_headers": ""}  # Postfix would take Bcc out
    with way({"policy": POLICY}, scheme=request.param, signer=True, main=itself, anew=True) as made:
        yield made


@pytest.fixture
def whole(running: Way) -> Way:
    """Started once; every test writes to people of its own."""
    running.sink.forget()
    return running


def message(to: str, id_: str = "1") -> bytes:
    now = format_datetime(localtime())  # a late mail is not signed
    return HEADER.format(to=to, id=id_, date=now).encode() + b"\r\n" + BODY


def of(mails: list[Taken], recipient: str) -> Taken:
    (found,) = [mail for mail in mails if recipient in mail.recipients]
    return found


def received_lines(mail: Taken, sent: bytes) -> list[str]:
    """The Received fields in front of what was sent; nothing else may stand there, and the rest is as it was sent."""
    assert mail.content.endswith(sent)
    added = mail.content.removesuffix(sent).decode()
    lines = re.findall(r"(?m)^Received: .*\n(?:[ \t].*\n)*", added)
    assert "".join(lines) == added
    return lines


def test_a_mail_for_a_known_key_arrives_encrypted_and_others_software_reads_it(whole: Way) -> None:
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
    known, unknown, must = ([f"{who}@{kind}.example" for who in ("named", "hidden")] for kind in KINDS)
    keys = whole.know(*known)
    to = ", ".join(people[0] for people in (known, unknown, must))
    bcc = f"\r\nBcc: {', '.join(people[1] for people in (known, unknown, must))}\r\n\r\n"
    left = message(to, "six")

    whole.mta.submit(SENDER, [*known, *unknown, *must], left.replace(b"\r\n\r\n", bcc.encode(), 1))

    mails = whole.mails(4)
    assert whole.mta.queue() == []
    notice = of(mails, SENDER)
    served = Counter(recipient for mail in mails for recipient in mail.recipients)
    assert served == Counter([SENDER, *known, *unknown])
    assert not any(re.search(rb"(?mi)^(Resent-)?Bcc:|^(From|To|Cc): .*hidden", mail.content) for mail in mails)
    assert_encrypted_for_each_alone(mails, known, keys)
    for recipient in unknown:
        assert len(received_lines(of(mails, recipient), left)) == 3
    assert_tells_of(notice, must)
    mine = [line for line in whole.relay.trace() if line["message_id"] == "<six@front.example>"]
    assert sorted((line["recipient"], line["action"]) for line in mine) == sorted(
        (recipient, action)
        for people, action in ((known, "encrypt"), (unknown, "clear"), (must, "refuse"))
        for recipient in people
    )


def assert_encrypted_for_each_alone(mails: list[Taken], people: list[str], keys: dict[str, Keypair]) -> None:
    """Each has a copy that the other cannot read, with the body as it was sent and no Bcc field."""
    for mine, other in (people, people[::-1]):
        mail = of(mails, mine)
        assert list(mail.recipients) == [mine]
        clear = READERS["sequoia"](encrypted_part(mail), keys[mine].secret, None)
        assert clear.partition(b"\r\n\r\n")[2] == BODY
        assert not re.search(rb"(?mi)^(Resent-)?Bcc:|hidden", clear)
        with pytest.raises(subprocess.CalledProcessError):
            READERS["sequoia"](encrypted_part(mail), keys[other].secret, None)


def assert_tells_of(notice: Taken, people: list[str]) -> None:
    """It names these and nobody else but its reader; what is below is the To that the sender wrote."""
    assert (notice.sender, list(notice.recipients)) == ("", [SENDER])
    assert not re.search(rb"sultat|Findings", notice.content)
    text, status, headers = parts(email.message_from_bytes(notice.content))
    _, *groups = parts(status)
    assert sorted(group["Final-Recipient"] for group in groups) == sorted(f"rfc822; {person}" for person in people)
    said = octets(text).decode()
    assert set(re.findall(r"[\w.]+@(?:known|unknown|must)\.example", said)) == set(people)
    assert "hidden" not in str(headers.get_payload())


def test_the_null_sender_stays_null_on_an_encrypted_and_on_a_clear_copy(whole: Way) -> None:
    known, unknown = "null@known.example", "null@unknown.example"
    key = whole.know(known)[known]
    sent = message(f"{known}, {unknown}", "null")

    whole.mta.submit("", [known, unknown], sent)

    mails = whole.mails(2)
    assert [(mail.sender, len(mail.recipients)) for mail in mails] == [("", 1), ("", 1)]
    assert READERS["sequoia"](encrypted_part(of(mails, known)), key.secret, None).endswith(b"\r\n\r\n" + BODY)
    assert len(received_lines(of(mails, unknown), sent)) == 3


@pytest.mark.parametrize("others", [[], ["other@known.example", "other@unknown.example"]], ids=["alone", "of three"])
def test_what_is_refused_to_the_null_sender_is_told_to_nobody(whole: Way, others: list[str]) -> None:
    """Over SMTP the one answer is 550 then, and nothing of this mail leaves."""
    must = f"null{len(others)}@must.example"
    whole.know("other@known.example")

    whole.mta.submit("", [*others, must], message(must, f"null{len(others)}"))

    served = others if whole.relay.settings["listen"][0].startswith("lmtp:") else []
    mails = whole.mails(len(served))
    assert sorted((mail.sender, *mail.recipients) for mail in mails) == [("", other) for other in served]
    (line,) = whole.relay.trace("--to", must)
    assert (line["sender"], line["action"], line["rule"]) == ("", "refuse", "must")
    assert line["reply"].startswith("550 5.7.1")
    assert whole.mta.queue() == []


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
