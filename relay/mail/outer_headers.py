"""The header fields that stand outside the encrypted part: those that transport, replies and threads need.

An allow list. A field that is not on it stands inside alone, whatever it is called, because a filter, a gateway or a
client may have copied the subject, the content or a recipient into it. A field of fixed words or ids stands outside
in its plain form, so that nobody's text does; where it has none, it stands inside alone. Raises nothing.

The received mail's signatures (DKIM, ARC) do not stand outside: they no longer fit the body, and their hashes would
confirm a guess of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from email.utils import format_datetime

from relay.mail.headers import Field, date_in

HIDDEN_SUBJECT = b"Subject: [...]\r\n"
MIME_VERSION = b"MIME-Version: 1.0\r\n"

_Form = Callable[[str], str | None]
"""The value as it may stand outside, of a field's unfolded value; None: not at all."""

_WORD = re.compile(r"-?[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_ID = re.compile(r"<[^<>\s]{1,990}>")
_BARE_ID = re.compile(r"[^<>\s]{1,990}")
_LIST_ID = re.compile(r"<[A-Za-z0-9._-]{1,255}>")
_PLACE = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]{0,20}:[^<>\s]{1,990}>")
_DATE = re.compile(
    r"(?:[A-Za-z]{3}, *)?[0-9]{1,2} +[A-Za-z]{3} +[0-9]{2,4} +[0-9:]{4,8} *"
    r"(?:[+-][0-9]{4}|[A-Z]{1,5})?(?: \([A-Z]{1,5}\))?"
)


def _as_it_is(value: str) -> str:
    return value


def _begins(*known: str) -> _Form:
    """One of these words, whatever stands behind it."""
    return lambda value: found[0] if (found := _WORD.match(value)) and found[0].lower() in known else None


def _all_of(*known: str) -> _Form:
    """A list of these words."""
    return lambda value: value if {one.strip().lower() for one in value.split(",")} <= set(known) else None


def _ids(value: str) -> str | None:
    found = _ID.findall(value)
    return value if "".join(found) == "".join(value.split()) else "\r\n ".join(found) or None


def _id(value: str) -> str | None:
    found = _ID.search(value) or _BARE_ID.fullmatch(value)
    return found[0] if found else None


def _list_id(value: str) -> str | None:
    found = _LIST_ID.search(value)
    return found[0] if found else None


def _places(value: str) -> str | None:
    return ", ".join(_PLACE.findall(value)) or None


def _date(value: str) -> str | None:
    if _DATE.fullmatch(value):
        return value
    moment = date_in(value)
    return format_datetime(moment) if moment else None


_FORMS: Mapping[str, _Form] = {
    **dict.fromkeys(("received", "delivered-to"), _as_it_is),  # trace, and what stops loops
    **dict.fromkeys(("from", "sender", "reply-to", "to", "cc", "subject"), _as_it_is),
    **dict.fromkeys(("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc"), _as_it_is),
    **dict.fromkeys(("mail-reply-to", "mail-followup-to"), _as_it_is),
    **dict.fromkeys(("disposition-notification-to", "return-receipt-to", "autocrypt"), _as_it_is),
    "list-id": _list_id,  # RFC 2919
    **dict.fromkeys(
        ("list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner"), _places
    ),  # RFC 2369
    "list-archive": _places,
    "list-unsubscribe-post": _all_of("list-unsubscribe=one-click"),  # RFC 8058
    **dict.fromkeys(("date", "resent-date"), _date),
    **dict.fromkeys(("message-id", "resent-message-id"), _id),
    **dict.fromkeys(("in-reply-to", "references"), _ids),
    "auto-submitted": _begins("no", "auto-generated", "auto-replied", "auto-notified"),  # RFC 3834, RFC 5436
    "precedence": _begins("bulk", "junk", "list", "first-class", "special-delivery"),
    "x-auto-response-suppress": _all_of("all", "none", "dr", "ndr", "rn", "nrn", "oof", "autoreply"),
    "importance": _begins("high", "normal", "low"),
    "priority": _begins("non-urgent", "normal", "urgent"),
    "x-priority": _begins("1", "2", "3", "4", "5"),
    "x-msmail-priority": _begins("high", "normal", "low"),
    "sensitivity": _begins("personal", "private", "company-confidential"),
    "tls-required": _begins("no"),  # RFC 8689
    "mt-priority": _begins(*map(str, range(-9, 10))),  # RFC 6758
}


def outside(fields: Iterable[Field], *, protect_subject: bool) -> list[bytes]:
    """How the fields stand outside, each with its line end: for all subjects that are protected the first alone."""
    lines: list[bytes] = []
    for one in fields:
        if one.name == "subject" and protect_subject:
            lines += [HIDDEN_SUBJECT] if HIDDEN_SUBJECT not in lines else []
        elif one.name in _FORMS:
            lines += _line(one)
    return lines


def stands_outside(field: Field, *, protect_subject: bool) -> bool:
    """Whether the field may stand outside exactly as it is."""
    return outside([field], protect_subject=protect_subject) == [field.raw]


def _line(field: Field) -> list[bytes]:
    make = _FORMS[field.name]
    if make is _as_it_is:  # most fields: there is no need to read them
        return [field.line]
    value = field.value
    form = make(value)
    if form is None:
        return []
    return [field.line] if form == value else [b"%b: %b\r\n" % (_title(field), form.encode())]


def _title(field: Field) -> bytes:
    return field.raw[: len(field.name)]
