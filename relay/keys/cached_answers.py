"""What a source answered, as a row of the store (`relay.store.answers`) and as a lookup; for how long it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from relay.model import Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.store import Answer, Result


class Refresh(Enum):
    """When the source itself is asked."""

    WHEN_STALE = "when nothing is remembered"
    TO_RENEW = "unless it did not answer a moment ago"
    ALWAYS = "now"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """For how many seconds an answer counts (`lookup.cache`)."""

    found: float = 24 * 3600.0
    not_found: float = 3600.0
    unavailable: float = 60.0

    def fresh(self, row: Answer, now: float) -> bool:
        """Whether this answer still counts. One with a time in the future does not: a clock was ahead."""
        return 0 <= now - row.asked < self._of(row.result)

    def _of(self, result: Result) -> float:
        """An answer with a key that must not be used counts as long as "no key": its owner may renew it at any time."""
        match result:
            case Result.FOUND:
                return self.found
            case Result.NOT_FOUND | Result.UNUSABLE:
                return self.not_found
            case Result.UNAVAILABLE:
                return self.unavailable


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer, and when it was given (seconds since the epoch)."""

    lookup: Lookup
    asked: float
    fingerprint: str = ""
    """Of the certificate that the source last had for this address, as far as is remembered."""


def to_row(source: str, address: str, asked: float, lookup: Lookup) -> Answer:
    """The answer as it is stored."""
    match lookup:
        case Found(certificate=certificate):
            return Answer(source, address, asked, Result.FOUND, lookup.method, certificate.fingerprint)
        case NotFound():
            return Answer(source, address, asked, Result.NOT_FOUND, lookup.method)
        case Unusable(why=why, fingerprint=fingerprint, expires=expires):
            return Answer(source, address, asked, Result.UNUSABLE, lookup.method, fingerprint, why.value, expires)
        case Outage(reason=reason):
            return Answer(source, address, asked, Result.UNAVAILABLE, lookup.method, reason=str(reason))


def unusable(row: Answer) -> Unusable:
    """The lookup that a stored row of this result stands for."""
    return Unusable(Why(row.reason), row.fingerprint, Origin(row.source), row.source, row.method, row.expires)


def outage(row: Answer) -> Outage:
    """The lookup that a stored row of this result stands for."""
    return Outage(row.source, row.reason, row.method)
