"""The daily mail to the person who manages the keys: keys that expire, mail without a key, keys and mail that wait.

Promises that it holds addresses, fingerprints, dates and our own words, and nothing of any mail; that programs do not
answer it (`Auto-Submitted: auto-generated`, RFC 3834; the envelope's sender is null); and that it has an end: `MOST`
lines a part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from relay.mail.notice_texts import Language, reason_in
from relay.model import Address, Entry, Mailbox
from relay.model.errors import AddressError

DAYS = (60, 30, 14, 3)
MOST = 100
_MOST_NAMED = 5

_ADDRESS = re.compile(r"[^\s<>,;:()\[\]\"]+@[^\s<>,;:()\[\]\"]+")


@dataclass(frozen=True, slots=True)
class Ending:
    """A key whose end has come as near as `days`."""

    entry: Entry
    days: int
    bound: tuple[str, ...] = ()
    """The patterns that it is bound to."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """For whom a key was wanted, why there was none, and by whom."""

    recipient: str
    reason: str
    senders: tuple[str, ...]
    mails: int
    binding: str = ""
    """The pattern of the binding whose key could not be used."""


@dataclass(frozen=True, slots=True)
class Report:
    """The content of one daily report."""

    ending: Sequence[Ending] = ()
    wanted: Sequence[Wanted] = ()
    proposed: Sequence[Entry] = ()
    unread: int = 0
    """Mails that wait to be picked up. They alone are no reason to write."""

    @property
    def empty(self) -> bool:
        """Nothing that is worth a mail."""
        return not (self.ending or self.wanted or self.proposed)


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    ending: str
    within: str
    wanted: str
    by: str
    mail: str
    mails: str
    proposed: str
    decide: str
    unread: str
    more: str
    foot: str


_WORDS = {
    Language.EN: _Words(
        subject="Encryption keys: what needs your attention",
        ending="Keys that expire soon. Ask their owners for renewed ones:",
        within="within {days} days",
        wanted="Not sent in the last day for want of a key:",
        by="wanted by {senders}",
        mail="1 mail",
        mails="{mails} mails",
        proposed="Keys that were found, but not taken in place of the ones you imported. Check each with its owner:",
        decide="pgp-relay keys approve {fingerprint}   or   pgp-relay keys reject {fingerprint}",
        unread="Mails that wait to be picked up and were not read yet: {number} (pgp-relay pickup list)",
        more="… and {number} more: {command}",
        foot="Written by pgp-relay on {hostname}, once a day and only when there is something to tell.",
    ),
    Language.FR: _Words(
        subject="Clés de chiffrement\xa0: à surveiller",
        ending="Clés qui expirent bientôt. Demandez-en de nouvelles à leurs titulaires\xa0:",
        within="dans moins de {days} jours",
        wanted="Courriels non envoyés depuis 24 heures, faute de clé\xa0:",
        by="demandée par {senders}",
        mail="1 courriel",
        mails="{mails} courriels",
        proposed="Clés trouvées, mais qui ne remplacent pas celles que vous avez importées. Vérifiez chacune auprès de "
        "son titulaire\xa0:",
        decide="pgp-relay keys approve {fingerprint}   ou   pgp-relay keys reject {fingerprint}",
        unread="Courriels à retirer sur la page, pas encore lus\xa0: {number} (pgp-relay pickup list)",
        more="… et {number} de plus\xa0: {command}",
        foot="Envoyé par pgp-relay depuis {hostname}, au plus une fois par jour et seulement en cas de besoin.",
    ),
}


def address_in(contact: str | None) -> Address | None:
    """The first address in a free text such as `the IT desk <it@hopital.example>, phone 4321`."""
    for found in _ADDRESS.findall(contact or ""):
        try:
            return Address(found.rstrip("."))
        except AddressError:
            continue
    return None


@dataclass(frozen=True, slots=True)
class Daily:
    """Composes it for a site."""

    language: Language
    sender: Mailbox
    """The address and name in From."""
    hostname: str

    def compose(self, report: Report, to: Address, now: float) -> bytes:
        """The whole message, CRLF."""
        words = _WORDS[self.language]
        mail = EmailMessage(policy.SMTP if to.is_ascii else policy.SMTPUTF8)
        mail["From"] = self.sender.header
        mail["To"] = f"<{to.text}>"
        mail["Subject"] = words.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        mail["Message-ID"] = make_msgid(domain=self.hostname)
        mail["Auto-Submitted"] = "auto-generated"
        text = self._text(report).encode("utf-8", "replace").decode()  # an address may hold octets that are no UTF-8
        mail.set_content(text, charset="utf-8", cte="quoted-printable")
        return mail.as_bytes()

    def _text(self, report: Report) -> str:
        words = _WORDS[self.language]
        parts = (
            (words.ending, [self._ending(one) for one in report.ending], "pgp-relay keys expiring"),
            (words.wanted, [self._wanted(one) for one in report.wanted], "pgp-relay trace --since 24h"),
            (words.proposed, [self._proposed(one) for one in report.proposed], "pgp-relay keys list"),
        )
        blocks = ["\n\n".join([title, *self._bounded(items, command)]) for title, items, command in parts if items]
        unread = [words.unread.format(number=report.unread)] if report.unread else []
        return "\n\n\n".join([*blocks, *unread, words.foot.format(hostname=self.hostname)]) + "\n"

    def _bounded(self, items: list[str], command: str) -> list[str]:
        left = len(items) - MOST
        more = [_WORDS[self.language].more.format(number=left, command=command)] if left > 0 else []
        return [*items[:MOST], *more]

    def _ending(self, one: Ending) -> str:
        certificate = one.entry.certificate
        day = f"{datetime.fromtimestamp(certificate.expires or 0, UTC):%Y-%m-%d}"
        within = _WORDS[self.language].within.format(days=one.days)
        bound = "".join(f", {pattern}" for pattern in one.bound[:_MOST_NAMED])
        first = f"{_addresses(one.entry)}{bound} ({one.entry.origin.value})"
        return f"  {first}\n      {day}, {within}\n      {certificate.fingerprint}"

    def _wanted(self, one: Wanted) -> str:
        words = _WORDS[self.language]
        more = ", …" if len(one.senders) > _MOST_NAMED else ""
        by = words.by.format(senders=", ".join(one.senders[:_MOST_NAMED]) + more)
        mails = words.mail if one.mails == 1 else words.mails.format(mails=one.mails)
        bound = f" ({one.binding})" if one.binding else ""
        return f"  {one.recipient}{bound}\n      {reason_in(self.language, one.reason)}\n      {by}; {mails}"

    def _proposed(self, entry: Entry) -> str:
        decide = _WORDS[self.language].decide.format(fingerprint=entry.certificate.fingerprint)
        return f"  {_addresses(entry)} ({entry.origin.value})\n      {decide}"


def _addresses(entry: Entry) -> str:
    return ", ".join(address.text for address in entry.certificate.addresses[:_MOST_NAMED]) or "?"
