"""The relay's values: frozen, normalised, without I/O. Nothing here imports anything but `relay.errors`."""

from relay.model.address import Address, normalise_domain
from relay.model.certificate import Certificate, Component, Unreadable, UserId, Why
from relay.model.decision import Clear, Decision, Defer, Hold, Pass, Refuse, Seal, verb
from relay.model.envelope import Envelope, Inbound, Recipient
from relay.model.lookup import Entry, Found, Lookup, NotFound, Origin, Outage, Unusable
from relay.model.reply import Reply
from relay.model.trace import Record

__all__ = [
    "Address",
    "Certificate",
    "Clear",
    "Component",
    "Decision",
    "Defer",
    "Entry",
    "Envelope",
    "Found",
    "Hold",
    "Inbound",
    "Lookup",
    "NotFound",
    "Origin",
    "Outage",
    "Pass",
    "Recipient",
    "Record",
    "Refuse",
    "Reply",
    "Seal",
    "Unreadable",
    "Unusable",
    "UserId",
    "Why",
    "normalise_domain",
    "verb",
]
