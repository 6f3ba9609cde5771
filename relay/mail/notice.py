"""Notices to a sender: multipart/report (RFC 6522) with a delivery status (RFC 3464), headers only.

Promises that a notice holds, of the original, the From, To, Date and Message-ID fields and nothing else, that
its first sentence says in plain words what happened and why, and that it cannot be answered by a program
(`Auto-Submitted: auto-replied`, RFC 3834; the envelope's sender is null).

The words come from templates (`string.Template`): the first line is the subject, the rest the text. `Template`
refuses one that names a variable we do not have, or does not say to whom the mail was not sent.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage, Message
from email.utils import format_datetime, make_msgid
from enum import StrEnum

from relay.mail import headers
from relay.mail.words import Language, reason_in
from relay.model import Inbound, Recipient

RETURNED = ("from", "to", "date", "message-id")  # DESIGN promise 7: these and no other field
_MOST_RETURNED = 8192  # octets of one returned field: a To of 10,000 addresses need not come back


class Kind(StrEnum):
    """What a notice is about; also the name of its template."""

    REFUSED = "refused"
    HELD = "held"
    UNDELIVERED = "undelivered"


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient the notice speaks of; `status` as in RFC 3463."""

    recipient: Recipient
    reason: str
    status: str


class TemplateError(ValueError):
    """The template cannot be filled; the text says why."""


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind of notice. Raises `TemplateError` when they cannot be filled."""

    text: str

    VARIABLES = frozenset({"recipients", "to", "date", "contact", "until", "id", "hostname"})

    def __post_init__(self) -> None:
        parsed = string.Template(self.text)
        if not parsed.is_valid():
            raise TemplateError("a $ stands alone: write $$ for a dollar sign")
        named = set(parsed.get_identifiers())
        if unknown := sorted(named - self.VARIABLES):
            raise TemplateError(f"unknown variable ${unknown[0]}; known are {', '.join(sorted(self.VARIABLES))}")
        if "recipients" not in named:
            raise TemplateError("the variable $recipients is missing: it says to whom the mail was not sent, and why")
        if not self.text.partition("\n")[0].strip() or "$" in self.text.partition("\n")[0]:
            raise TemplateError("the first line is the subject: words without variables")

    def filled(self, values: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text."""
        subject, _, text = self.text.partition("\n")
        return subject.strip(), string.Template(text.lstrip("\n")).substitute(values)


@dataclass(frozen=True, slots=True)
class Notices:
    """Composes notices for a site."""

    templates: Mapping[Kind, Template]
    language: Language
    sender: str
    """The address in From."""
    contact: str | None
    """Whom people are told to ask; None: their mail administrator."""
    hostname: str
    waits: timedelta
    """How long the front MTA keeps a deferred mail."""

    def compose(self, kind: Kind, inbound: Inbound, told: Sequence[Told]) -> bytes:
        """The whole message, CRLF, for the envelope's sender."""
        until = inbound.received + self.waits
        subject, text = self.templates[kind].filled(self._values(inbound, told, until))
        utf8 = inbound.envelope.sender is not None and not inbound.envelope.sender.is_ascii
        report = EmailMessage(policy.SMTPUTF8 if utf8 else policy.SMTP)
        report["From"] = f"pgp-relay <{self.sender}>"
        report["To"] = _address_field(inbound)
        report["Subject"] = subject
        report["Date"] = format_datetime(inbound.received)
        report["Message-ID"] = make_msgid(domain=self.hostname)
        report["Auto-Submitted"] = "auto-replied"
        report["MIME-Version"] = "1.0"
        report["Content-Type"] = "multipart/report; report-type=delivery-status"
        report.attach(_text_part(text))
        report.attach(_status_part(self.hostname, inbound, told, None if kind is not Kind.HELD else until))
        report.attach(_headers_part(inbound))
        return report.as_bytes()

    def _values(self, inbound: Inbound, told: Sequence[Told], until: datetime) -> dict[str, str]:
        lines = [f"  {t.recipient.address}\n      {reason_in(self.language, t.reason)}" for t in told]
        return {
            "recipients": "\n".join(lines),
            "to": ", ".join(str(t.recipient.address) for t in told),
            "date": f"{inbound.received:%Y-%m-%d %H:%M %z}",
            "contact": self.contact or self.language.administrator,
            "until": f"{until:%Y-%m-%d %H:%M}",
            "id": inbound.id,
            "hostname": self.hostname,
        }


def _address_field(inbound: Inbound) -> str:
    sender = inbound.envelope.sender
    return f"<{sender.text}>" if sender else ""


def _text_part(text: str) -> EmailMessage:
    part = EmailMessage(policy.SMTP)
    part.set_content(text, charset="utf-8", cte="quoted-printable")
    return part


def _status_part(hostname: str, inbound: Inbound, told: Sequence[Told], until: datetime | None) -> EmailMessage:
    """RFC 3464 sections 2.2 and 2.3."""
    about = EmailMessage(policy.SMTP)
    about["Reporting-MTA"] = f"dns; {hostname}"
    about["X-Pgp-Relay-ID"] = inbound.id
    about["Arrival-Date"] = format_datetime(inbound.received)
    groups: list[Message | str] = [about]
    for one in told:
        group = EmailMessage(policy.SMTP)
        kind = "rfc822" if one.recipient.address.is_ascii else "utf-8"
        group["Final-Recipient"] = f"{kind}; {one.recipient.address}"
        group["Action"] = "delayed" if until else "failed"
        group["Status"] = one.status
        if until:
            group["Will-Retry-Until"] = format_datetime(until)
        groups.append(group)
    part = EmailMessage(policy.SMTP)
    part["Content-Type"] = "message/delivery-status"
    part["Content-Description"] = "Delivery report"
    part.set_payload(groups)
    return part


def _headers_part(inbound: Inbound) -> EmailMessage:
    head = headers.split(inbound.content)
    lines = [field.raw[:_MOST_RETURNED].decode("utf-8", "replace") for field in head.fields if field.name in RETURNED]
    part = EmailMessage(policy.SMTP)
    text = "".join(line.replace("\r\n", "\n").rstrip("\n") + "\n" for line in lines)
    part.set_content(text, subtype="rfc822-headers", charset="utf-8", cte="quoted-printable")
    return part
