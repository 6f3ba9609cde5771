"""Who picks a mail up, as the page does it: with a browser, or without one as a program."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING

import pysequoia

from lab.password_readers import read_gnupg
from lab.pickup_site import Site
from lab.public import Told

if TYPE_CHECKING:  # only tests with a browser have it
    from playwright.sync_api import Page

SHOWN = "#body iframe[style*=height], #body .plain"
"""The text of a mail: where it is HTML, with its styles, pictures and height, which the page sets last."""


def open_mail(page: Page, link: str, code: str) -> None:
    """It is shown as a whole, and its files are listed."""
    page.goto(link)
    page.fill("#code", code)
    page.click("#open")
    page.wait_for_selector("#subject:focus")  # the last thing that the page does
    page.wait_for_selector(SHOWN, state="attached")


@dataclass(frozen=True)
class Reader:
    """A program that has link and code; its address is `client`, which limits go by."""

    site: Site
    client: str

    def read(self) -> Message:
        """The last mail, and that it was opened is proved."""
        mail = message_from_bytes(read_gnupg(self._ask("message").body, self.site.code()))
        form = "application/x-www-form-urlencoded"
        told = self._ask("opened", "POST", f"proof={mail['X-Pickup-Token']}".encode(), Content_Type=form)
        assert told.status == 204
        return mail

    def answer(self, mail: Message, entity: bytes) -> None:
        """This entity, to its sender."""
        certificate = base64.b64decode("".join(mail["X-Pickup-Answer-Certificate"].split()))
        sealed = bytes(pysequoia.encrypt(entity, [pysequoia.Cert.from_bytes(certificate)], armor=False))
        assert self._ask("answer", "POST", sealed, Pickup_Proof=mail["X-Pickup-Token"]).status == 204

    def _ask(self, what: str, method: str = "GET", body: bytes | None = None, **fields: str) -> Told:
        place = self.site.link().removeprefix(self.site.url)
        return self.site.web.ask(f"{place}/{what}", method, body, X_Forwarded_For=self.client, **fields)
