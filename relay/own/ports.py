"""What `relay.own` needs from an OpenPGP engine and from the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from relay.model import Address
from relay.model.own import OwnKey, OwnSubkey


class KeyMaker(Protocol):
    """Makes and changes certificates of our own; secret parts stay where the engine keeps them.

    Everything raises `EngineError`.
    """

    async def make(self, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
        """A new certificate for each, certified by the organisation; encryption subkeys end in `valid` seconds."""

    async def rotate(self, keys: Sequence[OwnKey], valid: float) -> list[OwnKey]:
        """These certificates with one more encryption subkey each, which ends in `valid` seconds.

        Stops at the first for which this fails, and returns those before it. Raises if it is the very first.
        """

    async def revoke(self, key: OwnKey) -> OwnKey:
        """The same certificate, revoked. Its secret parts stay: old mail still opens."""

    async def missing(self, key: OwnKey) -> list[OwnSubkey]:
        """The encryption subkeys whose secret part this node does not have."""

    async def forget(self, subkey: OwnSubkey) -> None:
        """Delete the secret part of an encryption subkey, for good."""

    async def sweep(self, keygrips: Collection[str]) -> None:
        """The same for all of these that this node has."""


class Existing(Protocol):
    """Knows which addresses exist in our own domains."""

    async def addresses(self) -> Sequence[Address]:
        """All of them; raises `OwnError` where that cannot be said now."""

    async def knows(self, address: Address) -> bool:
        """Whether this one exists, by the last list that could be read. Never raises."""


class Register(Protocol):
    """The store's part: `relay.store.OwnKeys`. Everything raises `StoreError`."""

    async def organisation(self) -> str | None:
        """The fingerprint of the organisation's key."""

    async def get(self, address: Address) -> OwnKey | None:
        """The certificate of this address."""

    async def all(self) -> list[OwnKey]:
        """Every one, sorted by address."""

    async def due(self, before: float) -> list[OwnKey]:
        """Active ones whose newest encryption subkey was made before that time."""

    async def put(self, keys: Sequence[OwnKey]) -> None:
        """Store them, in place of what their addresses had."""

    async def put_after(self, earlier: OwnKey, later: OwnKey) -> bool:
        """Store `later` in place of `earlier`; False, and nothing is changed, where something else is there by now."""

    async def put_first(self, keys: Sequence[OwnKey]) -> list[OwnKey]:
        """Store those whose address has no active certificate; what is stored for these addresses afterwards."""

    async def drop(self, address: Address) -> None:
        """Delete the certificate of this address."""

    async def allow(self, address: Address, others: Iterable[Address]) -> None:
        """Keys of `others` open mail for `address`."""

    async def disallow(self, address: Address, others: Iterable[Address]) -> None:
        """Keys of `others` no longer open mail for `address`."""

    async def allowed(self, address: Address) -> list[Address]:
        """Whose keys open mail for `address`, beside its own."""

    async def bury(self, subkeys: Sequence[OwnSubkey]) -> None:
        """Leave a tombstone for these encryption subkeys."""

    async def deleted(self, subkeys: Iterable[str]) -> frozenset[str]:
        """Those of these that have a tombstone."""

    async def buried_keygrips(self) -> frozenset[str]:
        """The keygrips of all that have a tombstone."""
