"""The header fields of the original in a notice, by which its sender recognises it: From, To, Date and Message-ID.

Nothing else is returned, and no free text in these four, which could have any content. One field of each name; a Date
that is a date; a Message-ID in RFC 5322's form; of From and To the addresses, without display names and comments, on
one line of bounded length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import format_datetime

from relay.mail import headers
from relay.mail.addresses import addresses

MOST = 1000
"""Characters of From or To: ten thousand recipients need not come back."""


def returned(content: bytes) -> str:
    """The fields, a line each."""
    head = headers.split(content)
    found = ((name, headers.first(head, name.lower())) for name in _READ)
    values = {name: _READ[name](field.value) for name, field in found if field}
    values["Message-ID"] = headers.message_id(content)
    return "".join(f"{name}: {value}\r\n" for name, value in values.items() if value)


def _date(value: str) -> str:
    moment = headers.date_in(value)
    return format_datetime(moment) if moment else ""


def _mailboxes(value: str) -> str:
    """The addresses alone: a display name is free text."""
    found = [address.text for address in addresses(value[: MOST + 1]) if address.text.isprintable()]
    return ", ".join([*found, *(["..."] if found and len(value) > MOST else [])])


_READ: Mapping[str, Callable[[str], str]] = {
    "From": _mailboxes,
    "To": _mailboxes,
    "Date": _date,
}
