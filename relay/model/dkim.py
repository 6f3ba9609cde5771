"""What a mail says of its DKIM signatures (RFC 6376), and what our own MX says of them (RFC 8601 section 2.7.1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One DKIM result that our MX reports."""

    passed: bool
    domain: str
    """The domain of the signature that the result is about (`header.d`), in lower case and A-labels."""
    selector: str = ""
    """The signature's selector (`header.s`); empty: the result does not have it."""
    begins: str = ""
    """The beginning of the signature's value (`header.b`, RFC 6008); empty: the result does not have it."""


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """One `DKIM-Signature` field. Nothing of it is verified here."""

    domain: str
    selector: str
    value: str
    """The `b=` tag without white space: no two signatures have the same."""
    fields: frozenset[str]
    """The header fields that it covers, in lower case."""
    limited: bool
    """It has an `l=` tag: anybody can add to the body."""


@dataclass(frozen=True, slots=True)
class DkimEvidence:
    """The signatures of one mail, and our MX's results about them."""

    results: tuple[DkimResult, ...] = ()
    signatures: tuple[DkimSignature, ...] | None = ()
    """None: one of them cannot be read, or there are too many."""
