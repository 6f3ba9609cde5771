"""A pick-up: a mail that is stored, encrypted, on the public web service until its recipient opens it with a code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.address import Address


class PickupState(StrEnum):
    """The steps of a pick-up."""

    INACTIVE = "inactive"
    """Stored, but not accessible: its code may not have been handed over yet."""
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Handover(StrEnum):
    """How a code comes to its reader (`pickup.code`)."""

    SENDER = "sender"
    """The sender reads it out."""
    PRESET = "preset"
    """The reader has it already."""
    HOOK = "hook"
    """A program of the site hands it over."""


class Obstacle(StrEnum):
    """Why a mail cannot become a pick-up; the text follows the decision's reason."""

    NOBODY = "and nobody of ours sent it who could pass a code on"
    NO_CODE = "and its recipient was given no code beforehand"
    TOO_LARGE = "and it is too large for a pick-up"


PICKED_UP = "picked_up"
"""The action of the trace's row which says that a pick-up was opened."""
QUOTES_CODE = "it quotes the code of a pick-up"


@dataclass(frozen=True, slots=True)
class Pickup:
    """What the relay knows of one: neither its code nor its content."""

    id: str
    """What the link names it by."""
    transaction: bytes
    """The digest of the mail that it was made of."""
    recipient: Address
    sender: Address | None
    created: float
    expires: float
    """Seconds since the epoch, both."""
    size: int
    """Octets of its ciphertext."""
    proof: bytes
    """SHA-256 of the token that only its readers know."""
    message_id: str = ""
    """The mail's Message-ID; an answer names it, so that mail programs show both together."""
    state: PickupState = PickupState.INACTIVE
    opened: float | None = None
    """When a reader first proved to have opened it."""
    warned: bool = False
    """The sender was told that nobody has read it yet."""
