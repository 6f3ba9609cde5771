"""A mail that quotes the code of a pick-up, in all the ways programs write mails."""

from __future__ import annotations

from base64 import b64encode
from email.message import EmailMessage

import pytest

from relay.mail.quoted_code import quotes_code

CODE = "abeille-moulin-tomate-girafe-violon-tulipe"
TEXT = f"Bonjour,\n\nle code que vous avez demandé à l'hôpital : {CODE}\n\n" + "Une très longue ligne. " * 10


def mail(encoding: str = "8bit", kind: str = "plain") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "code"
    message.set_content(TEXT, subtype=kind, cte=encoding)
    return message


def forwarded() -> EmailMessage:
    outer = EmailMessage()
    outer.set_content("voir ci-joint")
    outer.add_attachment(mail("quoted-printable"))
    return outer


def beside_a_file() -> EmailMessage:
    message = mail("base64")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    return message


def in_the_subject() -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"Réponse : {CODE}"
    message.set_content("x")
    return message


@pytest.mark.parametrize(
    "message",
    [
        mail(),
        mail("quoted-printable"),
        mail("base64"),
        mail("base64", "html"),
        forwarded(),
        beside_a_file(),
        in_the_subject(),
    ],
    ids=["8bit", "quoted-printable", "base64", "html", "forwarded", "with a file", "subject"],
)
def test_it_is_found(message: EmailMessage) -> None:
    assert quotes_code(message.as_bytes().replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("content", [b"", b"Subject: x\r\n\r\nbonjour\r\n", b"\r\n\r\n" + b64encode(bytes(9000))])
def test_other_mail_is_not(content: bytes) -> None:
    assert not quotes_code(content)
