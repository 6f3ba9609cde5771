"""What a source answers for an address. The four are never confused: only `NotFound` means "no key"."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from relay.model.certificate import Certificate
from relay.model.why import Why


class Origin(StrEnum):
    """How a certificate came here."""

    IMPORTED = "imported"
    """By an administrator, or approved by one."""
    ENROLLED = "enrolled"
    """Its owner proved to have the mailbox and the secret key."""
    AUTHORITY = "authority"
    """Found by a source, and certified by an authority for this domain (`authorities`)."""
    LDAP = "ldap"
    WKD = "wkd"
    VKS = "vks"
    """Found on a keyserver that verifies addresses."""
    HARVESTED = "harvested"
    """It came with mail."""
    OWN = "own"
    """We made it, for an address of ours: it is in no list of keys."""


ORDER: tuple[frozenset[Origin], ...] = (
    frozenset({Origin.IMPORTED, Origin.OWN}),
    frozenset({Origin.ENROLLED}),
    frozenset({Origin.AUTHORITY}),
    frozenset({Origin.LDAP, Origin.WKD}),
    frozenset({Origin.VKS}),
    frozenset({Origin.HARVESTED}),
)
"""Which certificate of an address is used first; bindings come after the imported ones."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate as the store holds it."""

    certificate: Certificate
    origin: Origin
    updated: int
    """When it was stored or last changed, in seconds since the epoch."""
    proposed: bool = False
    """It waits for `keys approve`: a person proposed it, or it was fetched where an administrator imported another."""
    version: int | None = field(default=None, compare=False)
    """The version of the row that it was read from; None: it was not read from the store."""

    @property
    def suggested(self) -> bool:
        """Whether a person proposed it: nobody has vouched for it, not even for one of its addresses."""
        return self.proposed and self.origin is Origin.IMPORTED


@dataclass(frozen=True, slots=True)
class Proposal:
    """A certificate that waits for a person."""

    entry: Entry
    first_seen: float
    """In seconds since the epoch."""
    dkim_domain: str = ""
    """Of the mail that brought it; empty: no mail did."""


@dataclass(frozen=True, slots=True)
class Found:
    """A usable certificate was found."""

    certificate: Certificate
    origin: Origin
    source: str
    method: str
    """How the source found it: `keyring`, `wkd/advanced`, `ldap/gpgMailbox`, `binding *@ville.example`."""
    others: tuple[Certificate, ...] = ()
    """Further ones that the mail has to be encrypted to as well: all keys of a binding."""
    binding: str = ""
    """The pattern of the binding that it is from."""

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All that the mail has to be encrypted to."""
        return (self.certificate, *self.others)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The source answered, and has no certificate for this address."""

    source: str
    method: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is a certificate, and it must not be used. This never becomes "no key"."""

    why: Why
    fingerprint: str
    origin: Origin
    source: str
    method: str = ""
    expires: int | None = None
    certificate: Certificate | None = field(default=None, compare=False, repr=False)
    """As a source brought it; None: it cannot be read, or it is in the store."""
    binding: str = ""
    """The pattern of the binding that it is from."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The source could not be asked, or did not answer. `reason` is from the adapter's fixed words."""

    source: str
    reason: str
    method: str = ""


Lookup = Found | NotFound | Unusable | Outage
