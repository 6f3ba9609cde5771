"""Whether a key that came with mail is taken. Pure.

A mail may give a key where our MX says that its author's domain signed what carries the key, a person wrote it, and its
Date is true: `witness`. One mail is not enough: a second one, a day or more later by its Date, has to bring the same
key: `next_step`. Dates go forward only, so that no old mail brings an old key back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from relay.model import Address
from relay.model.harvest import CarriedKey, Outcome, Sighting, Step
from relay.policy.dkim_coverage import Coverage, Uncovered

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Mail:
    """What is known of a mail that carries a key. Times are seconds since the epoch."""

    author: Address | None
    """The one author in From; None where there is not exactly one."""
    foreign: bool
    """The author is a correspondent: not at a domain of ours, and the address means the same mailbox to every host."""
    listed: bool
    automatic: bool
    coverage: Coverage | Uncovered
    date: float | None
    """The mail's `Date`; None where there is not exactly one."""
    received: float | None
    """When our MX received it, as its Received field says."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A mail that may give keys: its author, its date, and what of it is signed."""

    author: Address
    date: float
    coverage: Coverage


def witness(mail: Mail, field: str = "") -> Witness | Outcome:
    """Return the witness, or why the mail gives no key.

    `field` is the name of the field that carries the key, in lower case; empty: the body carries it.
    """
    if mail.author is None:
        return Outcome.NO_AUTHOR
    obstacles = ((not mail.foreign, Outcome.OWN), (mail.listed, Outcome.LIST), (mail.automatic, Outcome.AUTOMATIC))
    if obstacle := next((outcome for is_there, outcome in obstacles if is_there), None):
        return obstacle
    if isinstance(mail.coverage, Uncovered):
        return Outcome(mail.coverage.value)
    if field and not mail.coverage.covers(field):
        return Outcome.NOT_COVERED
    if mail.date is None or mail.received is None or abs(mail.date - mail.received) > DAY:
        return Outcome.DATE
    return Witness(mail.author, mail.date, mail.coverage)


def next_step(known: Sighting | None, latest: float | None, key: CarriedKey) -> Step:
    """What this mail means for the key.

    `latest` is the latest `Date` of any mail of this address that counted, for whatever key.
    """
    if known and not known.signatures.isdisjoint(key.signatures):
        return Step(Outcome.SAME_MAIL, None)
    if latest is not None and key.date <= latest:
        return Step(Outcome.BACKWARD, None)
    begun = Sighting(key.date, key.date, key.signatures)
    if known is None:
        return Step(Outcome.NOTED, begun)
    if key.date - known.first < DAY:
        return Step(Outcome.SOON, replace(known, latest=key.date))
    return Step(None, begun)
