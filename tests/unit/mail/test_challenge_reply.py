"""The token of a challenge in a mail of any form, and the subject that refuses an invitation."""

from __future__ import annotations

import base64
import quopri

import pytest
from lab.timed import quickest

from relay.mail import challenge_reply
from relay.mail.headers import split

TOKEN = "Ab3_-xYz0123456789abcdefghijklMN"  # noqa: S105  of a test
TEXT = f"Thank you.\r\n\r\n> confirm {TOKEN}\r\n".encode()
PLAIN = b"From: a@b.example\r\nContent-Type: text/plain\r\n"


@pytest.mark.parametrize(
    "mail",
    [
        PLAIN + b"\r\n" + TEXT,
        PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(TEXT),
        PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(TEXT),
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>'
        + f'<a href="https://cles.hopital.example/keys/confirm/{TOKEN}">'.encode()
        + b"</a>\r\n--b--\r\n",
        b"\r\n" + TEXT,
    ],
    ids=["plain", "quoted-printable", "base64", "a link in html", "no header"],
)
def test_it_is_found_in_every_text(mail: bytes) -> None:
    assert challenge_reply.tokens(mail) == (TOKEN,)


@pytest.mark.parametrize("text", [TOKEN[:-1], f"{TOKEN}0", f"_{TOKEN}", TOKEN.replace("_", "+"), ""])
def test_what_is_shorter_longer_or_of_other_letters_is_none(text: str) -> None:
    assert challenge_reply.tokens(PLAIN + b"\r\n" + text.encode()) == ()


def test_an_attachment_and_a_mail_within_hold_none_and_there_are_not_many() -> None:
    within = b"Content-Type: message/rfc822\r\n\r\n" + PLAIN + b"\r\n" + TEXT
    attached = b"Content-Type: application/octet-stream\r\n\r\n" + TEXT
    assert challenge_reply.tokens(within) == challenge_reply.tokens(attached) == ()
    many = b"\r\n".join(f"{number:032d}".encode() for number in range(1000))
    assert len(challenge_reply.tokens(PLAIN + b"\r\n" + many)) == challenge_reply.MOST_TOKENS


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (f"not me {TOKEN}", TOKEN),
        (f"Re: NOT ME {TOKEN}", TOKEN),
        (f"=?utf-8?q?not_me_{TOKEN.replace('_', '=5F')}?=", TOKEN),
        (f"not me {TOKEN}x", ""),
        (TOKEN, ""),
        ("not me", ""),
    ],
)
def test_the_subject_refuses(subject: str, found: str) -> None:
    assert challenge_reply.refusal(split(f"Subject: {subject}\r\n\r\n".encode())) == found


def test_what_an_automatic_answer_quotes_refuses_nothing() -> None:
    """Its subject is the invitation's, which has no token."""
    text = f"Subject: Re: A confidential message waits\r\n\r\n> not me {TOKEN}\r\n".encode()
    assert challenge_reply.refusal(split(text)) == ""


def test_its_cost_is_linear_in_a_text_that_nearly_holds_many() -> None:
    mail = PLAIN + b"\r\n" + (b"a" * 33 + b" ") * 8_000
    assert challenge_reply.tokens(mail) == ()
    assert quickest(lambda: challenge_reply.tokens(mail)) < 1
