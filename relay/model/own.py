"""The certificates of our own addresses: one for each, certified by the organisation's key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from relay.model.address import Address


class OwnState(StrEnum):
    """The state of an own certificate, which decides what is published."""

    ACTIVE = "active"
    REMOVED = "removed"
    """Taken out by an administrator: published revoked for a year, signs nothing; its mail still opens."""
    REVOKED = "revoked"
    """Published revoked, signs nothing; its mail still opens."""


@dataclass(frozen=True, slots=True)
class OwnSubkey:
    """An encryption subkey of an own certificate."""

    fingerprint: str
    created: int
    expires: int
    """Seconds since the epoch, both."""
    keygrip: str
    """The keygrip, by which gpg-agent names the secret part: 40 hexadecimal digits."""
    public: bytes = b""
    """The body of its public subkey packet: kept so that mail to earlier certificates of the address can be opened."""

    @property
    def key_id(self) -> str:
        """What a message names it by, 16 upper-case digits."""
        return self.fingerprint[-16:]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The certificate of one own address, as it is published."""

    address: Address
    fingerprint: str
    """Of the primary key."""
    data: bytes
    """Binary OpenPGP: one transferable public key with one user id."""
    subkeys: tuple[OwnSubkey, ...]
    """Those for encryption, the newest last; at least one. Those of earlier certificates of the address come first."""
    created: int
    listed: bool = True
    """Answered by WKD."""
    state: OwnState = OwnState.ACTIVE
    changed: int = 0
    """When its state was last changed, in seconds since the epoch."""
    former: bytes = b""
    """The certificate of the address before this one where that was revoked: it is published beside."""

    @property
    def expires(self) -> int:
        """When the newest encryption subkey ends."""
        return self.subkeys[-1].expires

    def after(self, earlier: OwnKey | None) -> OwnKey:
        """The same, in place of an earlier one of the address, whose subkeys stay known until they are deleted."""
        if earlier is None:
            return self
        new = {subkey.fingerprint for subkey in self.subkeys}
        before = (one for one in earlier.subkeys if one.fingerprint not in new)
        former = earlier.former if earlier.fingerprint == self.fingerprint else earlier.data
        return replace(self, subkeys=(*before, *self.subkeys), former=former)

    @property
    def published(self) -> bytes:
        """The octets that are published: the certificate, then the revoked one that it replaced."""
        return self.data + self.former

    @property
    def signs(self) -> bool:
        """Whether outgoing mail of the address may be signed with it."""
        return self.state is OwnState.ACTIVE


def decryption_keygrips(keys: Iterable[OwnKey]) -> frozenset[str]:
    """The keygrips of the secret parts that open mail encrypted to these certificates."""
    return frozenset(subkey.keygrip for key in keys for subkey in key.subkeys)
