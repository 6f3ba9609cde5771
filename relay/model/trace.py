"""One decision as the trace keeps it: who, when, what and by which rule; never a word of content.

What a sender wrote (addresses, the Message-ID) is bounded and made printable here, so that no record can
spoil a terminal, a log or a database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

LONGEST = 1000
"""Characters kept of one text: RFC 5322 limits a line to 998."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Record:
    """The decision for one recipient and what was answered; an empty text: there is none."""

    time: float
    """When the message was received, in seconds since the epoch."""
    id: str
    queue_id: str
    """The front MTA's (XFORWARD IDENT)."""
    message_id: str
    sender: str
    """As received; empty for the null reverse-path."""
    recipient: str
    action: str
    """`relay.model.verb` of the decision."""
    rule: str
    reason: str
    fingerprint: str
    """The certificate encrypted to, or the one that must not be used."""
    signed_by: str
    reply: str
    size: int
    shadow: bool = False
    """Decided in shadow mode: the mail was passed on unchanged."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and (len(value) > LONGEST or _UNPRINTABLE.search(value)):
                clean = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", value[:LONGEST])
                object.__setattr__(self, field.name, clean[:LONGEST])
