"""The mail with which somebody confirms a key: its text, before it is encrypted to that key.

It is in both languages, ours first, since we do not know the reader's. Nothing in it was written by whoever sent the
key in, but for the address. Raises nothing.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import lru_cache
from importlib import resources

from relay.mail.notice_texts import Language
from relay.model import Mailbox
from relay.model.enrolment import Enrolment

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Challenges:
    """Composes them for a site."""

    language: Language
    sender: Mailbox
    """In From."""
    organisation: str
    hostname: str
    url: str
    """Of the page, without a `/` at its end."""

    def mail(self, one: Enrolment, token: str) -> bytes:
        """The mail, in clear: it leaves encrypted."""
        other = Language.FR if self.language is Language.EN else Language.EN
        subject, first = self._filled(one, token, self.language)
        other_subject, second = self._filled(one, token, other)
        mail = EmailMessage(policy.SMTP if one.address.is_ascii else policy.SMTPUTF8)
        mail["From"] = self.sender.header
        mail["To"] = f"<{one.address.text}>"
        mail["Subject"] = f"{subject} / {other_subject}"
        mail["Date"] = format_datetime(datetime.fromtimestamp(one.asked, UTC))
        mail["Message-ID"] = make_msgid(domain=self.hostname)
        mail["Auto-Submitted"] = "auto-generated"
        text = f"{first}\n{'_' * 60}\n\n{second}"
        mail.set_content(text.encode("utf-8", "replace").decode(), charset="utf-8", cte="quoted-printable")
        return mail.as_bytes()

    def _filled(self, one: Enrolment, token: str, language: Language) -> tuple[str, str]:
        """Subject and text."""
        subject, _, text = _template(language).partition("\n")
        digits = one.fingerprint
        values = {
            "organisation": self.organisation,
            "address": "".join(c if c.isprintable() else "?" for c in one.address.text),
            "fingerprint": " ".join(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)),
            "until": language.moment(datetime.fromtimestamp(one.expires, UTC).astimezone()),
            "link": f"{self.url}/keys/confirm/{token}",
        }
        return subject.strip(), string.Template(text.strip("\n")).substitute(values) + "\n"


@lru_cache
def _template(language: Language) -> str:
    file = resources.files("relay.mail") / "templates" / "enrolment" / language.value / "challenge.txt"
    return file.read_text("utf-8")
