"""Our mails to correspondents about their keys: the challenge, before it is encrypted, and the invitation.

Both are in two languages, ours first, since we do not know the reader's. They name the organisation and no person, and
nothing in them was written by whoever sent a key in, but for the address. Raises nothing.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import lru_cache
from importlib import resources

from relay.mail.notice_texts import Language
from relay.model import Address, Mailbox
from relay.model.enrolment import Enrolment

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class EnrolmentLetters:
    """Composes them for a site."""

    language: Language
    sender: Mailbox
    """In From."""
    organisation: str
    hostname: str
    url: str
    """Of the page, without a `/` at its end."""

    def challenge(self, one: Enrolment, token: str) -> bytes:
        """With the link that confirms a key: it leaves encrypted to that key."""
        digits = one.fingerprint
        values = {
            "fingerprint": " ".join(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)),
            "link": f"{self.url}/keys/confirm/{token}",
        }
        return self._mail("challenge", one.address, one.asked, values, until=one.expires)

    def invitation(self, to: Address, at: float) -> bytes:
        """A mail waits for a key of this address."""
        return self._mail("invitation", to, at, {"link": f"{self.url}/keys"})

    def _mail(
        self, name: str, to: Address, at: float, values: Mapping[str, str], *, until: float | None = None
    ) -> bytes:
        other = Language.FR if self.language is Language.EN else Language.EN
        subject, first = self._filled(name, to, values, self.language, until)
        other_subject, second = self._filled(name, to, values, other, until)
        mail = EmailMessage(policy.SMTP if to.is_ascii else policy.SMTPUTF8)
        mail["From"] = self.sender.header
        mail["To"] = f"<{to.text}>"
        mail["Subject"] = f"{subject} / {other_subject}"
        mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
        mail["Message-ID"] = make_msgid(domain=self.hostname)
        mail["Auto-Submitted"] = "auto-generated"
        text = f"{first}\n{'_' * 60}\n\n{second}"
        mail.set_content(text.encode("utf-8", "replace").decode(), charset="utf-8", cte="quoted-printable")
        return mail.as_bytes()

    def _filled(
        self, name: str, to: Address, values: Mapping[str, str], language: Language, until: float | None
    ) -> tuple[str, str]:
        """Subject and text."""
        subject, _, text = _template(name, language).partition("\n")
        moment = "" if until is None else language.moment(datetime.fromtimestamp(until, UTC).astimezone())
        ours = {
            "organisation": self.organisation,
            "address": "".join(c if c.isprintable() else "?" for c in to.text),
            "until": moment,
        }
        return subject.strip(), string.Template(text.strip("\n")).substitute({**ours, **values}) + "\n"


@lru_cache
def _template(name: str, language: Language) -> str:
    file = resources.files("relay.mail") / "templates" / "enrolment" / language.value / f"{name}.txt"
    return file.read_text("utf-8")
