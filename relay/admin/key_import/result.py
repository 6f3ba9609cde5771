"""The result for each certificate that was offered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from relay.model import Certificate, Why

NEVER_USABLE = frozenset({Why.INVALID, Why.UNREADABLE, Why.NO_ENCRYPTION, Why.SUBKEY_UNSUPPORTED})
"""Reasons for which a key can never be used as it is. Revocation is not among them: the owner wants it."""


class Outcome(StrEnum):
    """What the import did with a key."""

    IMPORTED = "imported"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    PROPOSED = "proposed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Offer:
    """One certificate's octets, or those of a revocation that stands alone, and where they stood."""

    place: str
    number: int
    """Its position in that file, counted from 1."""
    data: bytes
    damage: str = ""
    """Why it is not whole, as a sentence; then `data` is what is left: a primary key and user ids."""
    revocation: bool = False
    """`data` is the body of a key revocation signature (RFC 9580 section 5.2.1.11)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is no certificate; `reason` is one sentence for a person."""

    place: str
    number: int
    """Which key of the file, counted from 1; 0 means the file as a whole."""
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was done with one key, or with a file that could not be read: one line of the report."""

    place: str
    number: int
    outcome: Outcome
    reason: str = ""
    """Why it was refused, or why it is stored as unusable; empty: usable now."""
    certificate: Certificate | None = None
    """As it is stored now; None where it was refused before it could be read."""
    warnings: tuple[str, ...] = ()
    never_usable: bool = False
    """It was refused, or no mail can ever be encrypted to it as it stands."""

    @property
    def fingerprint(self) -> str:
        """Of the certificate, or empty."""
        return self.certificate.fingerprint if self.certificate else ""


def refused(what: Offer | Refusal, reason: str = "") -> Result:
    """Not stored; what the store had before stays."""
    reason = what.reason if isinstance(what, Refusal) else reason
    return Result(what.place, what.number, Outcome.REFUSED, reason, never_usable=True)


def stored(offer: Offer, outcome: Outcome, certificate: Certificate, at: float, remark: str = "") -> Result:
    """Imported, updated, unchanged or proposed; what is to be known of it is told each time."""
    why = certificate.unusable(at)
    reason = offer.damage or (certificate.fault if why is Why.UNREADABLE else str(why or ""))
    never = bool(offer.damage) or why in NEVER_USABLE
    warnings = (*([remark] if remark else []), *_warnings(certificate, at))
    return Result(offer.place, offer.number, outcome, reason, certificate, warnings, never)


def _warnings(certificate: Certificate, at: float) -> Iterator[str]:
    yield from (f"weak: {weakness}" for weakness in certificate.weaknesses(at))
    if not certificate.shown_addresses:
        yield "it has no user id with an address, so no mail will ever be encrypted to it"
    doubtful = dict.fromkeys(address.text for u in certificate.user_ids for address in u.others)
    if doubtful:
        yield (
            f"a user id does not say clearly whose it is: mail to {', '.join(doubtful)} is neither encrypted because "
            "of it nor sent in clear; ask for a key with one address in each user id, as in “Name <address>”"
        )
    unsigned = dict.fromkeys(u.address.text for u in certificate.user_ids if u.address and not u.valid)
    if unsigned and certificate.primary.valid:
        yield (
            f"the user id of {', '.join(unsigned)} has no valid self-signature: mail to it is neither encrypted to "
            "this key nor sent in clear"
        )
    if certificate.revokers and not certificate.primary.revoked:
        yield (
            f"it carries a revocation by its designated revoker {', '.join(certificate.revokers)}, whose key is not "
            "known: import that key, or the revocation does not count"
        )
