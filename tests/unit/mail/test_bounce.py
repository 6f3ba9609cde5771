"""What bounces say: of Postfix, of other servers, of servers that write words alone, and what is no bounce."""

from __future__ import annotations

import base64

import pytest

from relay.mail.bounce import Bounce, Failed, read

POSTFIX = b"""\
From: MAILER-DAEMON@mx.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F.1/mx.example"
Content-Transfer-Encoding: 8bit

This is a MIME-encapsulated message.

--4F.1/mx.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

<martin@inside.example>: host box said: 552 5.2.2 canary

--4F.1/mx.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
X-Postfix-Queue-ID: 4F

Final-Recipient: rfc822; martin@inside.example
Original-Recipient: rfc822;dr.martin@hopital.example
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 canary

Final-Recipient: rfc822; late@hopital.example
Action: delayed
Status: 4.4.1

Final-Recipient: rfc822; desk@hopital.example
Action: FAILED (for good)
Status: odd

--4F.1/mx.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Subject: canary

--4F.1/mx.example--
""".replace(b"\n", b"\r\n")


def test_postfix() -> None:
    assert read(POSTFIX) == Bounce(
        (
            Failed(("dr.martin@hopital.example", "martin@inside.example"), "5.2.2"),
            Failed(("desk@hopital.example",), "5.0.0"),
        )
    )


def test_with_bare_line_ends_and_in_base64() -> None:
    report = read(POSTFIX.replace(b"\r\n", b"\n"))
    assert report
    assert len(report.failed) == 2
    head, status = POSTFIX.split(b"Content-Type: message/delivery-status\r\n\r\n")
    status, rest = status.split(b"\r\n--4F.1", 1)
    encoded = b"Content-Transfer-Encoding: base64\r\nContent-Type: message/global-delivery-status\r\n\r\n"
    assert read(head + encoded + base64.encodebytes(status) + b"\r\n--4F.1" + rest) == read(POSTFIX)


def test_words_alone_tell_of_a_failure_and_name_nobody() -> None:
    assert read(b"From: MAILER-DAEMON@old.example\r\nSubject: failure notice\r\n\r\nHi. <a@b>: no.\r\n") == Bounce()


@pytest.mark.parametrize(
    "content",
    [
        POSTFIX.replace(b"Action: failed", b"Action: delayed").replace(b"FAILED", b"relayed"),
        POSTFIX.replace(b"message/delivery-status", b"message/other"),
        POSTFIX.replace(b'boundary="4F.1/mx.example"', b"boundary=other"),
        b"Auto-Submitted: auto-replied (vacation)\r\nSubject: Auto: canary\r\n\r\nI am away.\r\n",
        b"List-Id: <x>\r\n\r\n",
        b"Precedence: bulk\r\n\r\n",
        b"In-Reply-To: <x@y>\r\n\r\nI am away.\r\n",
    ],
    ids=["delayed", "no status", "no parts", "vacation", "list", "bulk", "answer"],
)
def test_what_tells_of_no_failure_is_no_bounce(content: bytes) -> None:
    assert read(content) is None


def test_a_report_on_very_many_recipients_is_read_in_part() -> None:
    groups = b"\r\n".join(b"Final-Recipient: rfc822; a%d@b\r\nAction: failed\r\n" % n for n in range(5000))
    report = read(POSTFIX.replace(b"Final-Recipient: rfc822; martin", groups + b"\r\nFinal-Recipient: rfc822; martin"))
    assert report
    assert len(report.failed) == 1000
