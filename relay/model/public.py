"""What the relay and the public web service exchange: objects that it shows, and events that visitors cause.

The service holds no secret: an object is a published certificate, an open challenge or ciphertext. Sizes and numbers
are limited. Raises `ValueError` beyond the limits.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

LARGEST_OBJECT = 64 << 20
LARGEST_EVENT = 64 << 20
LONGEST_ID = 400
"""Octets and characters."""
_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class ObjectKind(StrEnum):
    """What an object is, and what its id says."""

    CERTIFICATES = "certificates"
    """The id is the path below the Web Key Directory: `hopital.example/hu/HASH`, `hopital.example/policy`."""
    CHALLENGE = "challenge"
    """A key that waits for its confirmation; the id is SHA-256 of the token in the link, in hexadecimal."""
    INVITATION = "invitation"
    """A mail asked somebody for a key, and can be answered "not me"; the id is SHA-256 of the token in its link."""
    PICKUP = "pickup"
    """Ciphertext of a mail that waits for its reader."""


class EventKind(StrEnum):
    """What a visitor did."""

    KEY = "key"
    """Sent a key in: `about` is the address, the octets are the certificate, binary, as it was sent."""
    CONFIRMED = "confirmed"
    """Confirmed a challenge: `about` is the challenge's id."""
    REFUSED = "refused"
    """Wants no more invitations: `about` is the invitation's id."""
    OPENED = "opened"
    """Proved that a pick-up was opened: `about` is its id."""
    ANSWER = "answer"
    """Answered a pick-up: `about` is its id, the octets are ciphertext for the sender."""


@dataclass(frozen=True, slots=True)
class PublicObject:
    """One object as the relay hands it over."""

    kind: ObjectKind
    id: str
    octets: bytes
    expires: int | None = None
    """Seconds since the epoch; None: it stays until it is removed."""
    active: bool = True
    """Visitors see it."""
    proof: bytes = b""
    """SHA-256 of the token that proves that its content was read; empty: nothing proves it."""

    @property
    def etag(self) -> str:
        """A strong entity tag (RFC 9110 section 8.8.3): the same for the same octets."""
        return f'"{hashlib.sha256(self.octets).hexdigest()[:32]}"'

    def __post_init__(self) -> None:
        checked_id(self.id)
        if len(self.octets) > LARGEST_OBJECT:
            raise ValueError("an object is larger than what the public service takes")
        if len(self.proof) not in {0, 32}:
            raise ValueError("a proof is 32 octets of SHA-256")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a list has about an object."""

    id: str
    digest: str
    """SHA-256 of its octets, in hexadecimal."""
    size: int
    expires: int | None
    active: bool


@dataclass(frozen=True, slots=True)
class PublicEvent:
    """One event as the relay pulls it. Whatever is in it was written by a stranger."""

    number: int
    """Rises with each event."""
    kind: EventKind
    about: str
    """An address or the id of an object."""
    time: int
    """Seconds since the epoch, by the public service's clock."""
    size: int
    """Of its octets, which are fetched apart."""


def checked_id(text: str) -> str:
    """The id of an object, such as `hopital.example/hu/HASH`."""
    if len(text) > LONGEST_ID or not _ID.fullmatch(text):
        raise ValueError("an id is made of letters, digits, `.`, `_` and `-`, in parts with `/` between them")
    return text
