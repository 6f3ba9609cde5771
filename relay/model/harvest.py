"""Keys that come with mail: what a mail carries, what is stored about it, and what happens to the key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from relay.model.address import Address
from relay.model.enrolment import Budget


class Outcome(StrEnum):
    """What happens to a key that a mail carries. The values are labels of a metric."""

    NOTED = "noted"
    """The first mail with this key: a second one has to confirm it."""
    PROPOSED = "proposed"
    """It waits for an administrator."""
    USED = "used"
    """Mail to its owner that would have left in cleartext is encrypted to it from now on."""
    RENEWED = "renewed"
    """It was harvested before, and is merged with what it was."""
    KNOWN = "known"
    """It is in the store, and mail did not bring it: nothing is changed."""
    NO_AUTHOR = "no-author"
    """The mail's From does not name exactly one author."""
    OWN = "own-address"
    """Its author has an address of ours, or one that hosts may take for different mailboxes."""
    LIST = "list"
    AUTOMATIC = "automatic"
    NO_DKIM = "no-dkim"
    """Our MX reports no valid DKIM signature."""
    UNALIGNED = "unaligned"
    """The valid signatures are by other domains than the author's."""
    DKIM_FAILED = "dkim-failed"
    """A signature by the author's domain is not valid, or a signature cannot be read."""
    DKIM_LIMITED = "dkim-limited"
    """The signature is made for the beginning of the body alone (`l=`)."""
    NOT_COVERED = "not-covered"
    """The signature does not cover the Autocrypt field."""
    TWO_FIELDS = "two-fields"
    """There are several Autocrypt fields."""
    OTHER_ADDRESS = "other-address"
    """The Autocrypt field, or each user id, is for another address than the author's."""
    UNREADABLE = "unreadable"
    """The Autocrypt field has no key that can be read."""
    DATE = "date"
    """The mail has no single Date, or one that is more than a day away from when our MX received it."""
    BACKWARD = "backward"
    """A mail of the author with a later Date came before."""
    SAME_MAIL = "same-mail"
    """The same mail came before."""
    SOON = "too-soon"
    """Less than a day after the first mail with this key."""
    UNUSABLE = "unusable"
    REJECTED = "rejected"
    """An administrator rejected this key before."""
    BUDGET = "budget"
    """A limit of `HarvestBounds` is reached."""
    BUSY = "busy"
    """More keys came than can be examined."""
    FAILED = "failed"
    """The store or the engine does not work now."""


@dataclass(frozen=True, slots=True)
class CarriedKey:
    """A key in a mail that fulfils all conditions that one mail can fulfil."""

    address: Address
    """The author's."""
    data: bytes
    """One transferable public key, as it came."""
    dkim_domain: str
    date: float
    """The mail's Date, in seconds since the epoch."""
    signatures: frozenset[str]
    """Digests of the DKIM signatures that cover it: two mails have none in common."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is stored about a key until a second mail confirms it. Times are `Date` fields of mails, in seconds."""

    first: float
    latest: float
    signatures: frozenset[str]


class Step(NamedTuple):
    """What happens after one more mail with the key."""

    outcome: Outcome | None
    """What happens to the key; None: it is confirmed."""
    sighting: Sighting | None
    """What is stored about the key from now on; None: no change."""


NextStep = Callable[[Sighting | None, float | None, CarriedKey], Step]
"""From what is known of the key, and the latest Date of any mail of its address that counted."""


class HarvestBounds(NamedTuple):
    """How many keys are taken from mail at most."""

    open_proposals: int = 2
    """Proposals of one address that are open at a time."""
    domain: int = 50
    """Keys of one domain that are taken in a day."""
    sightings: int = 4
    """Keys of one address that wait for a second mail; one more replaces the oldest."""
    domain_sightings: int = 200
    """Keys of one domain that begin to wait in a day."""
    all_sightings: int = 10_000
    """Keys of all domains that begin to wait in a day."""
    judged: Budget = Budget(address=4, domain=60, all=2_000)
    """Keys that are examined in an hour, by each process."""
    waiting: Budget = Budget(address=4, domain=100, all=200)
    """Keys that wait for being examined at the same time, in each process."""
