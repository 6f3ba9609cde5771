"""Our mails to correspondents about their keys: the challenge, before it is encrypted, and the invitation.

Both are in two languages, ours first, since we do not know the reader's. They name the organisation and no person, and
nothing in them was written by whoever sent a key in, but for the address. Raises nothing.
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
from typing import NamedTuple

from relay.mail.notice_texts import Language
from relay.model import Address, Mailbox
from relay.model.enrolment import VALID, Enrolment
from relay.model.fingerprint_words import groups

_OR = {Language.EN: "or", Language.FR: "ou"}


@dataclass(frozen=True, slots=True)
class EnrolmentLetters:
    """Composes them for a site, which has a page, an address for keys, or both."""

    language: Language
    sender: Mailbox
    """The address and name in From."""
    organisation: str
    hostname: str
    url: str = ""
    """Of the page, without a `/` at its end; empty: there is none."""
    keys_to: Address | None = None
    """Where keys are mailed to."""

    def challenge(self, one: Enrolment, token: str) -> bytes:
        """With what confirms a key, a link or a signed reply: it leaves encrypted to that key."""
        values = {
            "fingerprint": " ".join(groups(one.fingerprint)),
            "link": f"{self.url}/keys/confirm/{token}",
            "token": token,
        }
        return self._mail(_Letter("challenge", ("confirm-page", "confirm-reply")), one.address, one.asked, values)

    def invitation(self, to: Address, at: float, token: str) -> bytes:
        """A mail waits for a key of this address; the token is for those who want no more of these."""
        values = {"link": f"{self.url}/keys", "refuse": f"{self.url}/keys/confirm/{token}", "token": token}
        return self._mail(
            _Letter("invitation", ("give-page", "give-mail"), ("refuse-page", "refuse-mail")), to, at, values
        )

    def _mail(self, letter: _Letter, to: Address, at: float, values: Mapping[str, str]) -> bytes:
        subject, text = self._in_both(letter, to, at, values)
        mail = EmailMessage(policy.SMTP if to.is_ascii else policy.SMTPUTF8)
        mail["From"] = self.sender.header
        mail["To"] = f"<{to.text}>"
        if self.keys_to:
            mail["Reply-To"] = f"<{self.keys_to.text}>"
        mail["Subject"] = subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
        mail["Message-ID"] = make_msgid(domain=self.hostname)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text.encode("utf-8", "replace").decode(), charset="utf-8", cte="quoted-printable")
        return mail.as_bytes()

    def _in_both(self, letter: _Letter, to: Address, at: float, values: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text in both languages, ours first."""
        other = Language.FR if self.language is Language.EN else Language.EN
        subject, first = self._filled(letter, to, at, values, self.language)
        other_subject, second = self._filled(letter, to, at, values, other)
        return f"{subject} / {other_subject}", f"{first}\n{'_' * 60}\n\n{second}"

    def _filled(
        self, letter: _Letter, to: Address, at: float, values: Mapping[str, str], language: Language
    ) -> tuple[str, str]:
        """Subject and text."""
        known = {
            "organisation": self.organisation,
            "address": "".join(c if c.isprintable() else "?" for c in to.text),
            "until": language.moment(datetime.fromtimestamp(at + VALID, UTC).astimezone()),
            "keys_to": self.keys_to.text if self.keys_to else "",
            **values,
        }
        ways = self._ways(letter.ways, known, language)
        refusals = self._ways(letter.refusals, known, language)
        subject, _, text = _template(letter.name, language).partition("\n")
        return subject.strip(), _fill(text, {**known, "ways": ways, "refusals": refusals}) + "\n"

    def _ways(self, names: Sequence[str], values: Mapping[str, str], language: Language) -> str:
        """The paragraphs about the page, about mail, or about both."""
        there = (bool(self.url), self.keys_to is not None)
        texts = [
            _fill(_template(name, language), values) for name, is_there in zip(names, there, strict=False) if is_there
        ]
        return f"\n\n{_OR[language]}\n\n".join(texts)


class _Letter(NamedTuple):
    """The templates of one mail: by the page and by mail."""

    name: str
    ways: tuple[str, ...]
    refusals: tuple[str, ...] = ()


def _fill(text: str, values: Mapping[str, str]) -> str:
    return string.Template(text.strip("\n")).substitute(values)


@lru_cache
def _template(name: str, language: Language) -> str:
    file = resources.files("relay.mail") / "templates" / "enrolment" / language.value / f"{name}.txt"
    return file.read_text("utf-8")
