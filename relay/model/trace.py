"""One decision as the trace keeps it: who, when, what and by which rule; never a word of content.

Texts from a sender (addresses, the Message-ID) are bounded, and unprintable characters in them are escaped.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from relay.model.printable import escaped

OUT, IN = "out", "in"
LONGEST = 1000
"""Characters kept of one text: RFC 5322 limits a line to 998."""


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
    """The `action` of the decision."""
    rule: str
    reason: str
    fingerprint: str
    """The certificate encrypted to, or the one that must not be used."""
    signed_by: str
    reply: str
    size: int
    shadow: bool = False
    """Decided in shadow mode: the mail was passed on unchanged."""
    direction: str = OUT
    """`OUT` or `IN`."""
    mark: str = ""
    """What an incoming mail was marked with (`relay.model.mark`)."""
    binding: str = ""
    """The pattern of the binding whose keys counted (`relay.model.binding`)."""

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if len(value) > LONGEST or not value.isprintable():
                object.__setattr__(self, name, kept(value))


_TEXTS = tuple(field.name for field in fields(Record) if field.type == "str")


def kept(text: str) -> str:
    """A text as a record keeps it."""
    return escaped(text[:LONGEST])[:LONGEST]
