"""Notices to a sender: multipart/report (RFC 6522) with a delivery status (RFC 3464), headers only.

Of the original it holds the addresses in From and To, Date and Message-ID, and nothing else. Its first sentence says in
plain words what happened to which message, and why. No program answers it (`Auto-Submitted: auto-replied`, RFC 3834;
the envelope's sender is null). It is ASCII unless its reader's address is not (RFC 6532, RFC 6533).

Its text is a template (`relay.mail.notice_template`); `relay.mail.delivery_status` and
`relay.mail.returned_headers` write the other parts. It is assembled as octets: nothing in a received address is
folded, encoded or read as a header field.
"""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.headerregistry import Address as HeaderAddress
from email.utils import format_datetime, make_msgid

from relay.mail import headers
from relay.mail.delivery_status import Told, delivery_status
from relay.mail.doubt_texts import looked_encrypted
from relay.mail.notice_template import Kind, Template, TemplateError, Wording
from relay.mail.notice_texts import Language, asked, because, reason_in
from relay.mail.returned_headers import returned
from relay.model import Address, Inbound, Mailbox

__all__ = ["Kind", "Notices", "Template", "TemplateError", "Told", "Wording"]

_MOST_NAMED = 3
_NEXT_HOP_REFUSED = frozenset({Kind.UNDELIVERED, Kind.RETURNED})
"""No key is the reason."""


@dataclass(frozen=True, slots=True)
class Notices:
    """Composes notices for a site."""

    wordings: Mapping[Kind, Wording]
    language: Language
    sender: Mailbox
    """The address and name in From."""
    contact: str | None
    """Whom people are told to ask; None: their mail administrator."""
    hostname: str
    waits: timedelta
    """How long the front MTA keeps a deferred mail."""

    def compose(self, kind: Kind, inbound: Inbound, told: Sequence[Told]) -> bytes:
        """The whole message, CRLF, for the envelope's sender. Raises `ValueError` where that is null."""
        sender = inbound.envelope.sender
        if sender is None:
            raise ValueError("nobody reads a notice to the null sender")
        until = inbound.received + self.waits
        template = self.wordings[kind].template(len(told))
        subject, text = template.filled(self._values(kind, inbound, told, until))
        status = delivery_status(
            inbound,
            told,
            hostname=self.hostname,
            until=until if kind is Kind.HELD else None,
            unicode=not sender.is_ascii,
        )
        boundary = f"=_{secrets.token_hex(16)}"  # `=_` stands in no quoted-printable text
        parts = (
            self._text_part(text),
            _status_part(status, unicode=not sender.is_ascii),
            _part(("Content-Type: text/rfc822-headers; charset=utf-8", _QUOTED), _quoted(returned(inbound.content))),
        )
        head = self._head(sender, subject, inbound, boundary)
        return _joined(head, boundary, parts)

    def _head(self, sender: Address, subject: str, inbound: Inbound, boundary: str) -> str:
        fields = (
            _field("From", self.sender.header),
            f"To: <{sender}>",
            _field("Subject", subject),
            f"Date: {format_datetime(inbound.received)}",
            f"Message-ID: {make_msgid(domain=self.hostname)}",
            *_threading(inbound),
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
        )
        return "\r\n".join(fields)

    def _text_part(self, text: str) -> bytes:
        language = f"Content-Language: {self.language.value}"
        return _part(("Content-Type: text/plain; charset=utf-8", language, _QUOTED), _quoted(text))

    def _values(self, kind: Kind, inbound: Inbound, told: Sequence[Told], until: datetime) -> dict[str, str]:
        reasons = ["" if kind in _NEXT_HOP_REFUSED else one.reason for one in told]
        lines = [
            f"  {_shown(one.recipient.address)}\n      {reason_in(self.language, reason)}{self._asked([one])}"
            for one, reason in zip(told, reasons, strict=True)
        ]
        return {
            "to": self._named([one.recipient.address for one in told]),
            "because": because(self.language, reasons) + looked_encrypted(self.language, reasons) + self._asked(told),
            "recipients": "\n".join(lines),
            "contact": self.contact or self.language.administrator,
            "sent": self.language.moment(_sent(inbound)),
            "until": self.language.moment(until.astimezone()),
            "date": self.language.moment(inbound.received.astimezone()),
            "id": inbound.id,
            "hostname": self.hostname,
        }

    def _asked(self, told: Sequence[Told]) -> str:
        return asked(self.language, several=len(told) > 1) if any(one.asked for one in told) else ""

    def _named(self, addresses: Sequence[Address]) -> str:
        shown = [_shown(address) for address in addresses]
        if len(shown) <= _MOST_NAMED + 1:
            return self.language.all_of(shown)
        return self.language.all_of([*shown[:_MOST_NAMED], self.language.others(len(shown) - _MOST_NAMED)])


_QUOTED = "Content-Transfer-Encoding: quoted-printable"


def _status_part(status: str, *, unicode: bool) -> bytes:
    kind = "message/global-delivery-status" if unicode else "message/delivery-status"
    lines = (f"Content-Type: {kind}", *(("Content-Transfer-Encoding: 8bit",) if unicode else ()))
    return _part(lines, status.encode())


def _part(lines: Sequence[str], content: bytes) -> bytes:
    return "\r\n".join((*lines, "", "")).encode() + content


def _joined(head: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    between = f"\r\n--{boundary}\r\n".encode()
    return head.encode() + b"\r\n" + b"".join(between + part for part in parts) + f"\r\n--{boundary}--\r\n".encode()


def _quoted(text: str) -> bytes:
    """RFC 2045 section 6.7, lines ended by CRLF."""
    return binascii.b2a_qp("\r\n".join(text.splitlines()).encode() + b"\r\n", istext=True)


def _field(name: str, value: str | HeaderAddress) -> str:
    """A header field whose text may need encoded words, without its line end."""
    return str(policy.SMTP.fold(name, policy.SMTP.header_factory(name, value))).removesuffix("\r\n")


def _threading(inbound: Inbound) -> Iterator[str]:
    """Clients show the notice beside the message it is about (RFC 3834 section 3.1.5)."""
    if message_id := headers.message_id(inbound.content):
        yield f"In-Reply-To: {message_id}"
        yield f"References: {message_id}"


def _sent(inbound: Inbound) -> datetime:
    """When its sender sent the message, as its Date says; else when it came here. In the time of this place."""
    field = headers.first(headers.split(inbound.content), "date")
    try:
        return ((field and headers.date_in(field.value)) or inbound.received).astimezone()
    except OverflowError:  # the first or last day of the calendar
        return inbound.received.astimezone()


def _shown(address: Address) -> str:
    """What cannot be printed, or turns the reading direction, is not shown."""
    return "".join(c if c.isprintable() else "?" for c in address.text)
