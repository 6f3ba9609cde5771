"""An OpenPGP certificate, and whether it may be encrypted to at a given time.

The facts (times, revocations, capabilities) are what the OpenPGP software said when the certificate was read;
`unusable` judges them at the time of sending. If that software would give another verdict from some time on,
`holds_until` is that time, and the certificate has to be read again then (`relay.keys.current`). Times are seconds
since the epoch. Fingerprints are upper-case hexadecimal.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from relay.model.address import Address
from relay.model.component import Component
from relay.model.why import Why

FEATURE_SEIPD2 = 0x08
"""In the first octet of Features (RFC 9580 section 5.2.3.32)."""


@dataclass(frozen=True, slots=True)
class UserId:
    """A user id that a certificate carries."""

    text: str
    address: Address | None
    """The one address that it names; None: none, or it is not clear which."""
    revoked: bool = False
    """It was revoked, or has expired."""
    valid: bool = True
    """A self-signature of it holds."""
    others: tuple[Address, ...] = ()
    """Further addresses that a reader sees in it: not encrypted to by it, and never "no key"."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Every address that a reader sees in it."""
        return self.others if self.address is None else (self.address, *self.others)

    def showing(self, addresses: Collection[Address]) -> UserId:
        """The same user id, showing only these addresses."""
        named = self.address if self.address in addresses else None
        return replace(self, address=named, others=tuple(a for a in self.others if a in addresses))

    @property
    def live(self) -> bool:
        """Whether it binds the address that it names."""
        return self.valid and not self.revoked


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in canonical packet order (`data`) and what the OpenPGP software says of it."""

    data: bytes
    """Binary OpenPGP, one transferable public key (RFC 9580 section 10.1)."""
    version: int
    components: tuple[Component, ...]
    """The primary key first."""
    user_ids: tuple[UserId, ...]
    disabled: bool = False
    features: int | None = None
    """What its self-signatures announce (RFC 9580 section 5.2.3.32); None: nothing."""
    holds_until: int | None = None
    """When it has to be read again, because the software would say something else then; None: never."""
    revokers: tuple[str, ...] = ()
    """Designated revokers by whom it carries a revocation that was not verified."""
    fault: str = ""
    """Why it cannot be used here at all, as a sentence; empty: it was read."""
    certified: frozenset[Address] = field(default=frozenset(), compare=False)
    """The addresses that an authority of the configuration vouches for, as it was just found; never stored."""

    @property
    def primary(self) -> Component:
        """The primary key, which is the first component."""
        return self.components[0]

    @property
    def fingerprint(self) -> str:
        """The primary key's fingerprint."""
        return self.primary.fingerprint

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The addresses for which it may be used: those of its live user ids, each once, in their order."""
        return tuple(dict.fromkeys(u.address for u in self.user_ids if u.address and u.live))

    @property
    def shown_addresses(self) -> tuple[Address, ...]:
        """Every address that a reader sees in it, revoked and doubtful ones too: these are never "no key"."""
        return tuple(dict.fromkeys(address for user_id in self.user_ids for address in user_id.addresses))

    @property
    def listed_addresses(self) -> tuple[Address, ...]:
        """The addresses for display: those that it may be used for, then the doubtful ones; no revoked ones."""
        doubtful = (a for u in self.user_ids if not u.revoked for a in u.addresses)
        return tuple(dict.fromkeys((*self.addresses, *doubtful)))

    @property
    def takes_seipd2(self) -> bool:
        """Whether a SEIPD packet of version 2 may be sent to it: it announces that, or is of version 6."""
        return self.version == 6 if self.features is None else bool(self.features & FEATURE_SEIPD2)

    @property
    def expires(self) -> int | None:
        """When it stops being usable: the primary's end or that of its last encryption subkey."""
        ends = [c.expires for c in self.components if c.encrypts and c.valid and c.supported and not c.revoked]
        last = None if not ends or None in ends else max(end for end in ends if end is not None)
        return min((end for end in (self.primary.expires, last) if end is not None), default=None)

    def encryption_components(self, at: float) -> tuple[Component, ...]:
        """What may be encrypted to at that time; each PKESK of an encrypted mail must name one of these."""
        return tuple(c for c in self.components if c.usable(at))

    def weaknesses(self, at: float) -> tuple[str, ...]:
        """In words, each once: those of the primary key and of what may be encrypted to at that time."""
        judged = (self.primary, *self.encryption_components(at))
        return tuple(dict.fromkeys(word for component in judged for word in component.weaknesses))

    def without_weak_subkeys(self) -> Certificate:
        """The same, to be encrypted to with components that are not weak alone."""
        kept = (replace(c, encrypts=c.encrypts and not c.weaknesses) for c in self.components)
        return replace(self, components=tuple(kept))

    def revoked_as(self, before: Certificate) -> Certificate:
        """The same, revoked where an earlier state of it was: a revocation is never undone."""
        if self.primary.revoked or not before.primary.revoked:
            return self
        primary = replace(self.primary, revoked=True)
        return replace(self, components=(primary, *self.components[1:]))

    def showing(self, addresses: Collection[Address]) -> Certificate:
        """The same certificate, whose user ids show only these addresses."""
        return replace(self, user_ids=tuple(u.showing(addresses) for u in self.user_ids))

    def unusable(self, at: float, address: Address | None = None) -> Why | None:
        """Why it cannot be encrypted to at that time (for that address), None where it can."""
        return self._primary_fault(at) or self._user_id_fault(address) or self._encryption_fault(at)

    def _primary_fault(self, at: float) -> Why | None:
        primary = self.primary
        faults = (
            (primary.revoked, Why.REVOKED),
            (self.disabled, Why.DISABLED),
            (bool(self.fault), Why.UNREADABLE),
            (primary.created > at, Why.NOT_YET_VALID),
            (not primary.valid and self.holds_until is not None, Why.NOT_YET_VALID),
            (not primary.valid or not self.user_ids, Why.INVALID),
            (primary.expired(at), Why.EXPIRED),
        )
        return next((why for found, why in faults if found), None)

    def _user_id_fault(self, address: Address | None) -> Why | None:
        if address is None:
            named = [u for u in self.user_ids if u.address or not u.others]
        elif address in self.shown_addresses:
            named = [u for u in self.user_ids if u.address == address]
        else:
            return Why.NO_USER_ID
        if any(u.live for u in named):
            return None
        if not named:
            return Why.AMBIGUOUS
        return Why.USER_ID_REVOKED if any(u.revoked for u in named) else Why.USER_ID_INVALID

    def _encryption_fault(self, at: float) -> Why | None:
        if self.encryption_components(at):
            return None
        candidates = [c for c in self.components if c.encrypts and c.valid]
        if not candidates:
            return Why.NO_ENCRYPTION
        alive = [c for c in candidates if not c.revoked]
        if not alive:
            return Why.SUBKEY_REVOKED
        able = [c for c in alive if c.supported]
        if not able:
            return Why.SUBKEY_UNSUPPORTED
        return Why.SUBKEY_EXPIRED if all(c.expired(at) for c in able) else Why.NOT_YET_VALID


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What was offered as a certificate and shows no address."""

    reason: str
    """A sentence for a person."""
    fingerprint: str = ""
    """Of the key that it is a state of, where that can be told: one without user ids."""
