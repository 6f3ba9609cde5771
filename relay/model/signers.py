"""The certificates that may have signed a mail, and the addresses for which their signatures count. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from relay.model.address import Address
from relay.model.certificate import Certificate
from relay.model.lookup import Entry, Origin

TRUSTED = frozenset({Origin.IMPORTED, Origin.AUTHORITY, Origin.LDAP, Origin.WKD})
"""Where a certificate is from whose signature counts: an administrator, an authority, the address's own directory."""


@dataclass(frozen=True, slots=True)
class Signers:
    """What is known for one mail."""

    author: tuple[Entry, ...] = ()
    """Those trusted for exactly its author's address."""
    others: tuple[Entry, ...] = ()

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All of them, each once."""
        entries = {entry.certificate.fingerprint: entry.certificate for entry in (*self.author, *self.others)}
        return tuple(entries.values())


def counts(entry: Entry) -> bool:
    """Whether a signature by this certificate counts for its addresses."""
    return not entry.proposed and entry.origin in TRUSTED


def spoken_for(certificate: Certificate) -> tuple[Address, ...]:
    """The addresses of its live user ids that all programs read in one way."""
    return tuple(address for address in certificate.addresses if not address.ambiguous)
