"""A `relay.own.ports.KeyMaker` whose secret keys every node that runs has before anybody is shown the public ones.

What it made and could not share is deleted again, and has a tombstone. Raises `EngineError` and `StoreError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from relay.daemon.secret_sharing import SecretSharing
from relay.model import Address
from relay.model.errors import RelayError
from relay.model.own import OwnKey, OwnSubkey
from relay.own.ports import KeyMaker, Register

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SharingMaker:
    """Around the engine's own."""

    maker: KeyMaker
    sharing: SecretSharing
    register: Register

    async def make(self, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
        """A new certificate for each."""
        return await self._shared(lambda: self.maker.make(addresses, valid), lambda made: made)

    async def rotate(self, key: OwnKey, valid: float) -> OwnKey:
        """The same certificate with one more encryption subkey."""
        return await self._shared(lambda: self.maker.rotate(key, valid), lambda rotated: [rotated])

    async def revoke(self, key: OwnKey) -> OwnKey:
        """The same certificate, revoked."""
        return await self.maker.revoke(key)

    async def missing(self, key: OwnKey) -> list[OwnSubkey]:
        """The encryption subkeys whose secret part this node does not have."""
        return await self.maker.missing(key)

    async def forget(self, subkey: OwnSubkey) -> None:
        """Delete the secret part, here and on every other node."""
        await self.register.bury([subkey])
        await self.maker.forget(subkey)

    async def sweep(self, keygrips: Collection[str]) -> None:
        """Delete all of these that this node has."""
        await self.maker.sweep(keygrips)

    async def _shared(self, work: Callable[[], Awaitable[T]], keys: Callable[[T], Sequence[OwnKey]]) -> T:
        before = await self.sharing.names()
        made = await work()
        try:
            await self.sharing.share(await self.sharing.names() - before)
        except RelayError:
            for key in keys(made):
                await self.forget(key.subkeys[-1])
            raise
        return made
