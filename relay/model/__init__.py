"""The relay's values: frozen, normalised, without I/O. Nothing here imports anything but `relay.model.errors`."""

from relay.model.address import Address
from relay.model.certificate import Certificate, Unreadable, UserId
from relay.model.component import Component
from relay.model.decision import Clear, Decision, Defer, Encrypt, Hold, Pass, Pickup, Refuse
from relay.model.domain import normalise_domain
from relay.model.doubt import Doubt
from relay.model.envelope import Envelope, Inbound, Recipient
from relay.model.lookup import Entry, Found, Lookup, NotFound, Origin, Outage, Unusable
from relay.model.mailbox import Mailbox
from relay.model.reply import Reply
from relay.model.signer import Signer
from relay.model.trace import Record
from relay.model.why import Why

__all__ = [
    "Address",
    "Certificate",
    "Clear",
    "Component",
    "Decision",
    "Defer",
    "Doubt",
    "Encrypt",
    "Entry",
    "Envelope",
    "Found",
    "Hold",
    "Inbound",
    "Lookup",
    "Mailbox",
    "NotFound",
    "Origin",
    "Outage",
    "Pass",
    "Pickup",
    "Recipient",
    "Record",
    "Refuse",
    "Reply",
    "Signer",
    "Unreadable",
    "Unusable",
    "UserId",
    "Why",
    "normalise_domain",
]
