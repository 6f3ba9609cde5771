"""The mails around a pick-up: to its recipient, that it is there; to its sender, the code, and that nobody has read it.

None of them holds a subject or a word of the mail, and the one to the recipient no code. Raises nothing.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import lru_cache
from importlib import resources

from relay.mail import headers
from relay.mail.notice_texts import Language
from relay.model import Address, Inbound, Mailbox
from relay.model.pickup import Pickup

CODE_FIELD = "X-PGP-Relay-Code"
"""Stands in the notice with the code, which the outgoing way refuses whatever its text has become."""

_GENUINE = {
    Language.EN: (
        "How to recognise a genuine mail: the page begins with {url} and asks for nothing but the code, never for a "
        "password, a card number or money.{phrase}"
    ),
    Language.FR: (
        "Pour reconnaître un vrai courriel\xa0: la page commence par {url} et ne demande que le code, jamais de mot de "
        "passe, de numéro de carte ni d'argent.{phrase}"
    ),
}
_ANSWER = {
    Language.EN: " You can answer it on the same page.",
    Language.FR: " Vous pourrez y répondre sur la même page.",
}
_PHRASE = {
    Language.EN: " This phrase stands in every one of our mails: “{phrase}”.",
    Language.FR: " Cette phrase figure dans chacun de nos courriels\xa0: «\xa0{phrase}\xa0».",
}


@dataclass(frozen=True, slots=True)
class PickupLetters:
    """Composes them for a site."""

    language: Language
    sender: Mailbox
    """The address and name in From."""
    organisation: str
    hostname: str
    url: str
    """Of the page, without a `/` at its end."""
    contact: str | None
    phrase: str | None
    answers: bool = False
    """The page takes answers."""

    def announced(self, pickup: Pickup, now: datetime) -> bytes:
        """To the recipient: a message is there. In both languages, ours first: we do not know the reader's."""
        other = Language.FR if self.language is Language.EN else Language.EN
        subject, first = self._filled("announced", self._announced(pickup, self.language), self.language)
        other_subject, second = self._filled("announced", self._announced(pickup, other), other)
        text = f"{first}\n{'_' * 60}\n\n{second}"
        return self._mail(pickup.recipient, f"{subject} / {other_subject}", text, now, "auto-generated")

    def codes(self, inbound: Inbound, to: Address, codes: Sequence[tuple[Address, str]], until: float) -> bytes:
        """To the sender: the code for each recipient."""
        lines = [f"    {_shown(recipient)}\n        {code}" for recipient, code in codes]
        values = {
            "sent": self.language.moment(inbound.received.astimezone()),
            "codes": "\n\n".join(lines),
            "until": self._moment(until),
            "contact": self.contact or self.language.administrator,
            "date": self.language.moment(inbound.received.astimezone()),
            "id": inbound.id,
            "hostname": self.hostname,
        }
        subject, text = self._filled("codes", values, self.language)
        about = headers.message_id(inbound.content)
        return self._mail(to, subject, text, inbound.received, "auto-replied", about=about, secret=True)

    def unread(self, pickup: Pickup, to: Address, now: datetime) -> bytes:
        """To the sender: nobody has opened it, and it ends soon."""
        return self._about("unread", pickup, to, now)

    def expired(self, pickup: Pickup, to: Address, now: datetime) -> bytes:
        """To the sender: nobody has ever opened it, and it is gone."""
        return self._about("expired", pickup, to, now)

    def _about(self, name: str, pickup: Pickup, to: Address, now: datetime) -> bytes:
        values = {
            "sent": self._moment(pickup.created),
            "recipient": _shown(pickup.recipient),
            "until": self._moment(pickup.expires),
            "contact": self.contact or self.language.administrator,
        }
        subject, text = self._filled(name, values, self.language)
        return self._mail(to, subject, text, now, "auto-generated")

    def _announced(self, pickup: Pickup, language: Language) -> dict[str, str]:
        phrase = _PHRASE[language].format(phrase=self.phrase) if self.phrase else ""
        return {
            "organisation": self.organisation,
            "sender": _shown(pickup.sender) if pickup.sender else self.sender.address.text,
            "link": f"{self.url}/m/{pickup.id}",
            "until": language.moment(datetime.fromtimestamp(pickup.expires, UTC).astimezone()),
            "answer": _ANSWER[language] if self.answers else "",
            "genuine": _GENUINE[language].format(url=f"{self.url}/", phrase=phrase),
        }

    def _moment(self, at: float) -> str:
        return self.language.moment(datetime.fromtimestamp(at, UTC).astimezone())

    @staticmethod
    def _filled(name: str, values: Mapping[str, str], language: Language) -> tuple[str, str]:
        """Subject and text."""
        subject, _, text = _template(name, language).partition("\n")
        return subject.strip(), string.Template(text.strip("\n")).substitute(values) + "\n"

    def _mail(  # noqa: PLR0913  what a mail is made of
        self,
        to: Address,
        subject: str,
        text: str,
        date: datetime,
        submitted: str,
        *,
        about: str = "",
        secret: bool = False,
    ) -> bytes:
        mail = EmailMessage(policy.SMTP if to.is_ascii else policy.SMTPUTF8)
        mail["From"] = self.sender.header
        mail["To"] = f"<{to.text}>"
        mail["Subject"] = subject
        mail["Date"] = format_datetime(date)
        mail["Message-ID"] = make_msgid(domain=self.hostname)
        mail["Auto-Submitted"] = submitted
        if about:  # mail programs show it beside the mail
            mail["In-Reply-To"] = mail["References"] = about
        if secret:
            mail[CODE_FIELD] = "confidential"
        mail.set_content(text.encode("utf-8", "replace").decode(), charset="utf-8", cte="quoted-printable")
        return mail.as_bytes()


@lru_cache
def _template(name: str, language: Language) -> str:
    file = resources.files("relay.mail") / "templates" / "pickup" / language.value / f"{name}.txt"
    return file.read_text("utf-8")


def _shown(address: Address) -> str:
    """What cannot be printed, or turns the reading direction, is not shown."""
    return "".join(c if c.isprintable() else "?" for c in address.text)
