"""An OpenPGP certificate, and the question the product turns on: whether we may encrypt to it now.

The facts (times, revocations, capabilities) are GnuPG's verdict at import or fetch; `unusable` judges
them again at the time of sending, so that a key that expired overnight is not used in the morning.
Times are seconds since the epoch. Fingerprints are upper-case hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.model.address import Address


class Why(StrEnum):
    """Why a certificate, or an address, cannot be encrypted to. The values are what people read."""

    NO_KEY = "no key is known"
    REVOKED = "the key is revoked"
    EXPIRED = "the key has expired"
    NOT_YET_VALID = "the key is not valid yet"
    INVALID = "the key has no valid self-signature"
    DISABLED = "the key is disabled"
    NO_USER_ID = "the key has no user id with this address"
    USER_ID_REVOKED = "the key's user id with this address is revoked"
    NO_ENCRYPTION = "the key has no subkey for encryption"
    SUBKEY_REVOKED = "the key's encryption subkey is revoked"
    SUBKEY_EXPIRED = "the key's encryption subkey has expired"
    WEAK = "the key is weak and weak keys are refused here"
    UNSUPPORTED = "the key is of a version that this engine cannot use"
    UNLISTED = "the key was imported, and imported keys are not used here"


@dataclass(frozen=True, slots=True)
class Component:
    """The primary key or a subkey."""

    fingerprint: str
    algorithm: str
    """As people write it: `rsa3072`, `cv25519`, `elgamal4096`, `nistp256`."""
    created: int
    expires: int | None
    encrypts: bool
    """It has the encryption capability."""
    revoked: bool = False
    valid: bool = True
    """Its binding signature holds."""

    @property
    def key_id(self) -> str:
        """The 64-bit key id that a PKESK names (RFC 9580 section 5.5.4): v4 the last, v6 the first octets."""
        return self.fingerprint[:16] if len(self.fingerprint) == 64 else self.fingerprint[-16:]

    def usable(self, at: float) -> bool:
        """Whether it can be encrypted to at that time."""
        return self.encrypts and self.valid and not self.revoked and self.created <= at and not self.expired(at)

    def expired(self, at: float) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= at


@dataclass(frozen=True, slots=True)
class UserId:
    """A user id whose self-signature GnuPG accepted; `address` is None where it holds none."""

    text: str
    address: Address | None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in canonical packet order (`data`) and what GnuPG says of it."""

    data: bytes
    """Binary OpenPGP, one transferable public key (RFC 9580 section 10.1)."""
    version: int
    components: tuple[Component, ...]
    """The primary key first."""
    user_ids: tuple[UserId, ...]
    disabled: bool = False
    weaknesses: tuple[str, ...] = ()
    """In words (`RSA of 1024 bits`); empty: not weak."""

    @property
    def primary(self) -> Component:
        """The primary key."""
        return self.components[0]

    @property
    def fingerprint(self) -> str:
        """The primary key's fingerprint."""
        return self.primary.fingerprint

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Of its user ids that are not revoked, each once, in their order."""
        return tuple(dict.fromkeys(u.address for u in self.user_ids if u.address and not u.revoked))

    @property
    def expires(self) -> int | None:
        """When it stops being usable: the primary's end or that of its last encryption subkey."""
        ends = [c.expires for c in self.components if c.encrypts and c.valid and not c.revoked]
        last = None if not ends or None in ends else max(end for end in ends if end is not None)
        return min((end for end in (self.primary.expires, last) if end is not None), default=None)

    def encryption_components(self, at: float) -> tuple[Component, ...]:
        """What may be encrypted to at that time; each PKESK of an encrypted mail must name one of these."""
        return tuple(c for c in self.components if c.usable(at))

    def unusable(self, at: float, address: Address | None = None) -> Why | None:
        """Why it cannot be encrypted to at that time (for that address), None where it can."""
        primary = self.primary
        if primary.revoked:
            return Why.REVOKED
        if self.disabled:
            return Why.DISABLED
        if not primary.valid or not self.user_ids:
            return Why.INVALID
        if primary.expired(at):
            return Why.EXPIRED
        if primary.created > at:
            return Why.NOT_YET_VALID
        return self._user_id_fault(address) or self._encryption_fault(at)

    def _user_id_fault(self, address: Address | None) -> Why | None:
        if address is None:
            return Why.USER_ID_REVOKED if all(u.revoked for u in self.user_ids) else None
        revoked = [u.revoked for u in self.user_ids if u.address == address]
        if not revoked:
            return Why.NO_USER_ID
        return Why.USER_ID_REVOKED if all(revoked) else None

    def _encryption_fault(self, at: float) -> Why | None:
        if self.encryption_components(at):
            return None
        candidates = [c for c in self.components if c.encrypts and c.valid]
        if not candidates:
            return Why.NO_ENCRYPTION
        alive = [c for c in candidates if not c.revoked]
        if not alive:
            return Why.SUBKEY_REVOKED
        return Why.SUBKEY_EXPIRED if any(c.expired(at) for c in alive) else Why.NOT_YET_VALID


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What was offered as a certificate and is none; `reason` is a sentence for a person."""

    reason: str
