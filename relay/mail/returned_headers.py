"""What a notice gives back of the original, so that its sender recognises it: From, To, Date and Message-ID.

Promises that nothing else comes back (DESIGN promise 7), and that these four carry no more than they are for. One
field of each name; a Date that is a date; a Message-ID that is one; of From and To a bounded number of characters on
one line, and only where an address stands in it. Whoever writes a mail can put any text there: what a field hides in
folds or in a second field of its name stays where it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import format_datetime

from relay.mail import headers
from relay.mail.addresses import addresses

MOST = 1000
"""Characters of From or To: ten thousand recipients need not come back."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MESSAGE_ID = re.compile(r"<[^\s<>@]{1,250}@[^\s<>@]{1,250}>")


def returned(content: bytes) -> str:
    """The fields, a line each."""
    head = headers.split(content)
    found = ((name, headers.first(head, name.lower())) for name in _READ)
    return "".join(f"{name}: {value}\r\n" for name, field in found if field and (value := _READ[name](field.value)))


def _date(value: str) -> str:
    moment = headers.date_in(value)
    return format_datetime(moment) if moment else ""


def _message_id(value: str) -> str:
    return value if _MESSAGE_ID.fullmatch(value) and not _CONTROL.search(value) else ""


def _mailboxes(value: str) -> str:
    text = _CONTROL.sub(" ", value[: MOST + 1])
    if len(text) > MOST:
        text = text[:MOST].rpartition(",")[0] + ", ..."
    return text if any(addresses(text)) else ""


_READ: Mapping[str, Callable[[str], str]] = {
    "From": _mailboxes,
    "To": _mailboxes,
    "Date": _date,
    "Message-ID": _message_id,
}
