"""A change of the key for an address, as the trace keeps it: by whom, from which key to which, and why.

Rows about keys stand in the same hash chain as decisions. Their `action` is `key`, which no decision has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from relay.model.trace import Record

ACTION = "key"

UPKEEP = "upkeep"
"""The actor of changes that the relay itself makes: a source had a new or a renewed key."""
HARVEST = "harvest"
ENROLMENT = "enrolment"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One address (or pattern of a binding) and its keys; an empty text: none."""

    time: float
    """In seconds since the epoch."""
    actor: str
    """`cli:root`, `enrolment`, `harvest`, `upkeep`."""
    address: str
    old: str
    """The fingerprint used before; for a binding all of them, with blanks between."""
    new: str
    reason: str

    def record(self) -> Record:
        """As a row of the trace."""
        return Record(
            time=self.time,
            id="",
            queue_id="",
            message_id="",
            sender=self.actor,
            recipient=self.address,
            action=ACTION,
            rule="",
            reason=self.reason,
            fingerprint=self.new,
            signed_by=self.old,
            reply="",
            size=0,
        )

    @classmethod
    def of(cls, record: Record) -> Self:
        """The change that a row of the trace records."""
        return cls(record.time, record.sender, record.recipient, record.signed_by, record.fingerprint, record.reason)
