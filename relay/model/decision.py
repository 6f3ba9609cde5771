"""What is to be done for one recipient, by one named rule. Matched exhaustively wherever it is read.

`action` is the word of the trace, of `explain` and of the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from relay.model.lookup import Found

NOT_SIGNED = "; not signed: its Date is more than 50 minutes from now"


@dataclass(frozen=True, slots=True)
class Pass:
    """Encrypt nothing: it is encrypted already, or it is mail for the relay itself, which ends here."""

    action: ClassVar = "pass"
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Encrypt:
    """Encryption to this certificate."""

    action: ClassVar = "encrypt"
    rule: str
    found: Found
    sign: bool
    protect_subject: bool
    late: bool = False
    """It is not signed because it leaves too long after or before its Date."""

    @property
    def fingerprint(self) -> str:
        """Those of all keys that it is encrypted to, with a blank between them."""
        return " ".join(certificate.fingerprint for certificate in self.found.certificates)

    @property
    def binding(self) -> str:
        """The pattern of the binding that they are from; empty: none."""
        return self.found.binding

    @property
    def reason(self) -> str:
        """Where the key was found, and why the mail is not signed although the rule says so."""
        return f"key found: {self.found.method}{NOT_SIGNED if self.late else ''}"


@dataclass(frozen=True, slots=True)
class Clear:
    """Pass on in clear, because this rule says so."""

    action: ClassVar = "clear"
    rule: str
    reason: str
    sign: bool = False
    """Sign it with the key that signs for its sender (RFC 3156 section 5)."""


@dataclass(frozen=True, slots=True)
class Pickup:
    """Store it on the public web service, encrypted with a code: its recipient opens it in a browser."""

    action: ClassVar = "pickup"
    rule: str
    reason: str
    fingerprint: str = ""
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not send; the sender is told."""

    action: ClassVar = "refuse"
    rule: str
    reason: str
    by_reply: bool = False
    """Told by the SMTP reply and no notice (`refuse_with: reply`)."""
    fingerprint: str = ""
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep it in Postfix's queue until there is a key; the sender gets one notice."""

    action: ClassVar = "hold"
    rule: str
    reason: str
    fingerprint: str = ""
    binding: str = ""


@dataclass(frozen=True, slots=True)
class Defer:
    """Try again later: a source is down, or something failed."""

    action: ClassVar = "defer"
    rule: str
    reason: str


Decision = Pass | Encrypt | Clear | Pickup | Refuse | Hold | Defer
