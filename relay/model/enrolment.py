"""A key that a correspondent sent in, and the challenge that proves whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.address import Address
from relay.model.certificate import Certificate

TOKEN_OCTETS = 24
"""Of the tokens in challenges and invitations; in base64 (RFC 4648 section 5) they have 32 letters."""
VALID = 2 * 86400.0
"""Seconds in which a challenge may be answered."""


class Fate(StrEnum):
    """What happened to a key that was sent in. The values are labels of a metric."""

    CHALLENGED = "challenged"
    """Its challenge was mailed to the address."""
    RENEWED = "renewed"
    """The key is known, and nothing in it needs a proof: a later end, or a revocation."""
    ENROLLED = "enrolled"
    PROPOSED = "proposed"
    """Proved; it waits for an administrator, who imported another one for the address."""
    UNUSABLE = "unusable"
    """It cannot be read or used for the address, or the address is none that is answered."""
    REJECTED = "rejected"
    """An administrator rejected this key before."""
    BUDGET = "budget"
    """The limit of challenges in a day, or of examined keys in an hour, is reached."""
    BUSY = "busy"
    """Too many mailed keys wait for being examined."""
    UNKNOWN = "unknown"
    """What was confirmed is no challenge that is open."""
    UNPROVED = "unproved"
    """A reply names an open challenge, and is not signed by its key."""
    UNALIGNED = "unaligned"
    """A key came by a mail that its author's domain has not signed."""
    AUTOMATIC = "automatic"
    """A program sent the mail with the key: nothing is answered."""
    REFUSED = "refused"
    """The owner of the address wants no more invitations."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One challenge. Times are seconds since the epoch."""

    challenge: str
    """SHA-256 of its token, in hexadecimal: the token itself stands in the mail alone."""
    address: Address
    fingerprint: str
    certificate: bytes
    """With the user ids of this address alone; empty once it is over."""
    asked: float
    expires: float
    way: str = "web"
    """`web` or `mail`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many are allowed: for one address, for one domain, and in all."""

    address: int
    domain: int
    all: int


@dataclass(frozen=True, slots=True)
class Challenged:
    """A challenge that is open, and its key."""

    enrolment: Enrolment
    certificate: Certificate
