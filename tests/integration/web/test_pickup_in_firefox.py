"""The pick-up page in Firefox: a French mail is read, its file saved, and answered."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

from lab import canary
from lab.firefox import firefox, needs_firefox
from lab.french_mail import PDF, PDF_NAME, SUBJECT, french_mail
from lab.marionette import Marionette
from lab.pickup_site import DOCTOR, PATIENT, pickup_site
from lab.waiting import wait_for

IMAGE = "document.querySelector('#body iframe').contentDocument?.querySelector('img')"
WORDS = "Merci, docteur : à très bientôt !"


def until(page: Marionette, condition: str) -> None:
    """An expression of the page's script."""
    wait_for(lambda: page.run(f"return Boolean({condition})"), condition)


def type_in(page: Marionette, element: str, text: str) -> None:
    page.run("document.getElementById(arguments[0]).value = arguments[1]", element, text)


def press(page: Marionette, element: str) -> None:
    page.run("document.querySelector(arguments[0]).click()", element)


@needs_firefox
def test_a_french_mail_is_read_and_answered_in_firefox(tmp_path: Path) -> None:
    canary.sent(f"Subject: {WORDS}\r\n\r\n{WORDS}\r\n".encode())
    with pickup_site() as site, firefox(tmp_path) as page:
        assert site.send(french_mail(DOCTOR, PATIENT)) == [250]
        page.call("WebDriver:Navigate", {"url": site.link()})
        until(page, "!document.getElementById('locked').hidden")
        type_in(page, "code", site.code().replace("-", " ").upper())
        press(page, "#open")
        until(page, "!document.getElementById('letter').hidden")

        assert page.run("return document.getElementById('subject').textContent") == SUBJECT
        assert "Dr Éloïse Martin" in page.run("return document.getElementById('from').textContent")
        until(page, f"{IMAGE}?.naturalWidth === 240")
        until(page, "document.querySelector('#attachments a')")
        press(page, "#attachments a")
        saved = tmp_path / PDF_NAME
        wait_for(lambda: saved.exists() and saved.stat().st_size == len(PDF), "the file is saved")
        assert saved.read_bytes() == PDF

        type_in(page, "answer", WORDS)
        press(page, "#send")
        until(page, "!document.getElementById('sent').hidden")
        (mail,) = site.mailbox.wait_for(1)

    answer = message_from_bytes(mail.content, policy=policy.default)
    body = answer.get_body()
    assert body
    assert WORDS in body.get_content()
    assert answer["X-PGP-Relay"] == "encryption=decrypted; signature=none; subject=unsigned; reason=pickup"
