"""What became of each certificate that was offered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model import Certificate


class Outcome(StrEnum):
    """The four fates."""

    IMPORTED = "imported"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Offer:
    """One certificate's octets, and where they stood."""

    place: str
    number: int
    """The how-manieth in that place, from 1."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is no certificate; `reason` is one sentence for a person."""

    place: str
    number: int
    """0: the file as a whole."""
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report."""

    place: str
    number: int
    outcome: Outcome
    reason: str = ""
    """Why it was refused, or why it is stored as unusable; empty: usable now."""
    certificate: Certificate | None = None
    """As it is stored now; None where it was refused before it could be read."""
    warnings: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Of the certificate, or empty."""
        return self.certificate.fingerprint if self.certificate else ""


def refused(what: Offer | Refusal, reason: str = "") -> Result:
    """Not stored; what the store had before stays."""
    return Result(what.place, what.number, Outcome.REFUSED, what.reason if isinstance(what, Refusal) else reason)


def stored(offer: Offer, outcome: Outcome, certificate: Certificate, at: float) -> Result:
    """Imported, updated or unchanged; what is to be known of it is told each time."""
    why = certificate.unusable(at)
    warnings = [f"weak: {weakness}" for weakness in certificate.weaknesses]
    if not any(user_id.address for user_id in certificate.user_ids):
        warnings.append("it has no user id with an address, so no mail will ever be encrypted to it")
    return Result(offer.place, offer.number, outcome, str(why or ""), certificate, tuple(warnings))
