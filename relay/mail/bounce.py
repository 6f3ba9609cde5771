"""Reads a bounce: for which recipients a mail failed, and with which status (RFC 3464, RFC 6533).

Only the fields of the delivery status that programs read are looked at, and of them the addresses and the status: no
text of another program goes on. A bounce without a delivery status, as old servers write it, names nobody. Bounded in
the number of recipients. Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from relay.mail import content_type, headers, mime
from relay.mail.headers import Head
from relay.mail.mime import Part

MOST_RECIPIENTS = 1_000
MOST_CHARACTERS = 1_000
"""Of one field."""
UNKNOWN_STATUS = "5.0.0"

_STATUSES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FAILED = re.compile(r"failed\b", re.IGNORECASE)
_STATUS = re.compile(r"5\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2})(?!\S)")
_NAMING = ("original-recipient", "final-recipient")


@dataclass(frozen=True, slots=True)
class Failed:
    """A recipient that a mail did not reach."""

    addresses: tuple[str, ...]
    """As the reporting server names it: what it was called first, and what became of that."""
    status: str
    """The enhanced status code (RFC 3463), such as 5.1.1."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """For whom a mail failed; nobody is named where the bounce has no delivery status."""

    failed: tuple[Failed, ...] = ()


def read(content: bytes) -> Bounce | None:
    """The failures that a mail from the null sender reports; None if it is none, such as an automatic answer."""
    whole = mime.root(content)
    kind = content_type.of(whole.head)
    if kind is not None and kind.kind == "multipart/report":
        found = mime.parts(content, whole, kind.get("boundary"))
        reports = [part for part in found.parts if _is_status(part)] if found else []
        failed = tuple(_failed(mime.octets(content, reports[0]) or b"")) if reports else ()
        return Bounce(failed) if failed else None
    return None if _automatic(whole.head) else Bounce()


def _is_status(part: Part) -> bool:
    kind = content_type.of(part.head)
    return kind is not None and kind.kind in _STATUSES


def _automatic(head: Head) -> bool:
    """An answer or a list's mail; a bounce in words alone comes from servers older than these fields."""
    return any(headers.first(head, name) for name in ("auto-submitted", "list-id", "precedence", "in-reply-to"))


def _failed(status: bytes) -> Iterator[Failed]:
    """The groups of fields after the first, which is about the message."""
    at = headers.split(status).body_start
    for _ in range(MOST_RECIPIENTS):
        group = headers.split(status, at)
        if not group.fields:
            return
        at = group.body_start
        if _FAILED.match(_value(group, "action")):
            named = tuple(filter(None, (_address(_value(group, name)) for name in _NAMING)))
            found = _STATUS.match(_value(group, "status"))
            yield Failed(named, found[0] if found else UNKNOWN_STATUS)


def _value(group: Head, name: str) -> str:
    field = headers.first(group, name)
    return field.value[:MOST_CHARACTERS] if field else ""


def _address(value: str) -> str:
    """After its type: `rfc822; dr.martin@hopital.example`."""
    return value.partition(";")[2].strip().strip("<>")
