"""The result of opening an encrypted or signed message: content and signatures, or why it stays closed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.own import OwnKey


class Validity(StrEnum):
    """The verdict on a signature."""

    GOOD = "good"
    EXPIRED = "expired"
    """The signature or the key that made it has expired."""
    REVOKED = "revoked"
    """It is valid, but the key that made it is revoked."""
    BAD = "bad"
    """It is not valid, or not of a type that signs documents."""
    UNKNOWN = "unknown"
    """None of the certificates given made it, or its algorithm is not known here."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature over the whole content."""

    fingerprint: str | None
    """Of the primary key of the certificate given that made it, or (`BAD`) that it names; None: there is none."""
    key_id: str
    """Of the key or subkey that it names as its maker, 16 upper-case digits."""
    made: int
    """Seconds since the epoch, as the signature says; 0 where it says nothing."""
    validity: Validity
    intended: tuple[str, ...] = ()
    """Fingerprints of its intended recipients (RFC 9580 section 5.2.3.36); none: it names nobody."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The whole of what was encrypted or signed: exactly one literal packet's content, with its signatures."""

    content: bytes
    signatures: tuple[Signature, ...] = ()


class Reason(StrEnum):
    """Why a message stays closed."""

    NO_KEY = "no-key"
    NOT_ENTITLED = "not-entitled"
    NO_INTEGRITY = "no-integrity"
    DAMAGED = "damaged"
    MIXED = "mixed"
    MISMATCH = "mismatch"
    TOO_LARGE = "too-large"
    PICKUP = "pickup"


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing of it may be used."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Entitled:
    """The keys that one envelope recipient may use, and what else is known of the keys that a message names."""

    own: tuple[OwnKey, ...]
    """The recipient's: tried for hidden recipients (key id 0) too."""
    allowed: tuple[OwnKey, ...] = ()
    """Those of others: used only where the message names them."""
    deleted: frozenset[str] = frozenset()
    """Fingerprints of encryption subkeys of all these that are deleted for good: they are nobody's any more."""
    others: frozenset[str] = frozenset()
    """Key ids of encryption subkeys of further own addresses, at least of those that the message names."""
