r"""The mark of an incoming mail: how it was encrypted and who signed it, as the field `X-PGP-Relay` says it.

    X-PGP-Relay: encryption=decrypted; signature=good; subject=signed; signer=<bob@example.org>; key=0123…CDEF

It is one line of ASCII, with `; ` between its elements, in this order. `signer` has the domain as A-labels; every
character that is not of a dot-atom (RFC 5322 section 3.2.3) or an address literal stands as `\x{…}`, its number in
hexadecimal (the form of RFC 6533 section 3). So no address can end an element or begin another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from relay.model.address import Address
from relay.model.opened import Reason

FIELD = "X-PGP-Relay"

_IN_LOCAL = re.compile(r"[^A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]")
_IN_DOMAIN = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_FINGERPRINT = re.compile(r"[0-9A-F]{32,64}")


class Encryption(StrEnum):
    """Of the mail as it came."""

    DECRYPTED = "decrypted"
    """It was encrypted, and arrives opened."""
    CLOSED = "closed"
    """It is encrypted, and arrives as it came."""
    NONE = "none"


class Signed(StrEnum):
    """The verdict on the signature. `signer` and `key` are given with the first three."""

    GOOD = "good"
    """Valid, by the From address, over the whole content, made within a day of Date."""
    OLD = "old"
    """The same, but made more than a day from Date, or the mail has no single valid Date."""
    OTHER = "other"
    """Valid, by a key of somebody else."""
    UNKNOWN = "unknown"
    """By a key that is not known here."""
    BAD = "bad"
    """Not valid, by an expired or revoked key, or meant for others."""
    NONE = "none"


NAMED = frozenset({Signed.GOOD, Signed.OLD, Signed.OTHER})
"""The signatures whose signer is named."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mail's; `ValueError` for what contradicts itself: a bug, never input."""

    encryption: Encryption = Encryption.NONE
    signature: Signed = Signed.NONE
    subject_signed: bool = False
    signer: Address | None = None
    key: str = ""
    """The fingerprint of the signer's primary key."""
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if (self.signature in NAMED) is not (self.signer is not None) or bool(self.key) is not bool(self.signer):
            raise ValueError("a signer and a key stand with good, old and other, and with these alone")
        if self.key and not _FINGERPRINT.fullmatch(self.key):
            raise ValueError("a key is named by its fingerprint")
        if self.subject_signed and self.signature not in NAMED:
            raise ValueError("a subject is signed where the signature holds")
        possible = {Encryption.CLOSED: self.reason is not None, Encryption.NONE: self.reason is None}
        if not possible.get(self.encryption, self.reason in {None, Reason.PICKUP}):
            raise ValueError("a reason stands with closed, and pickup with decrypted as well")

    @property
    def text(self) -> str:
        """The value of the field X-PGP-Relay."""
        return "; ".join(f"{name}={value}" for name, value in self._elements() if value)

    @property
    def field(self) -> bytes:
        """The whole field, with its line end."""
        return f"{FIELD}: {self.text}\r\n".encode("ascii")

    def _elements(self) -> tuple[tuple[str, str], ...]:
        return (
            ("encryption", self.encryption.value),
            ("signature", self.signature.value),
            ("subject", "signed" if self.subject_signed else "unsigned"),
            ("signer", f"<{_written(self.signer)}>" if self.signer else ""),
            ("key", self.key),
            ("reason", self.reason.value if self.reason else ""),
        )


def _written(address: Address) -> str:
    local = _IN_LOCAL.sub(_escaped, address.local)
    return f"{local}@{_IN_DOMAIN.sub(_escaped, address.domain)}" if address.domain else local


def _escaped(char: re.Match[str]) -> str:
    return f"\\x{{{ord(char[0]):X}}}"
