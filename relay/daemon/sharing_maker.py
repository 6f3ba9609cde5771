"""A `relay.own.ports.KeyMaker` that shares secret keys with all running nodes before the public keys are published.

A key that was made and could not be shared is deleted again, and has a tombstone. Raises `EngineError` and
`StoreError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from relay.daemon.secret_sharing import SecretSharing
from relay.model import Address
from relay.model.errors import RelayError
from relay.model.own import OwnKey, OwnSubkey
from relay.own.ports import KeyMaker, Register


@dataclass(frozen=True, slots=True)
class SharingMaker:
    """Wraps the engine's own `KeyMaker`."""

    maker: KeyMaker
    sharing: SecretSharing
    register: Register

    async def make(self, addresses: Sequence[Address], valid: float) -> list[OwnKey]:
        """Make a new certificate for each address."""
        return await self._shared(lambda: self.maker.make(addresses, valid))

    async def rotate(self, keys: Sequence[OwnKey], valid: float) -> list[OwnKey]:
        """Return the certificates with one more encryption subkey each. Other nodes get the new subkeys together."""
        return await self._shared(lambda: self.maker.rotate(keys, valid))

    async def revoke(self, key: OwnKey) -> OwnKey:
        """Return the certificate, revoked."""
        return await self.maker.revoke(key)

    async def missing(self, key: OwnKey) -> list[OwnSubkey]:
        """The encryption subkeys whose secret part this node does not have."""
        return await self.maker.missing(key)

    async def forget(self, subkey: OwnSubkey) -> None:
        """Delete the secret part, here and on every other node."""
        await self.register.bury([subkey])
        await self.maker.forget(subkey)

    async def sweep(self, keygrips: Collection[str]) -> None:
        """Delete those of these secret parts that this node has."""
        await self.maker.sweep(keygrips)

    async def _shared(self, work: Callable[[], Awaitable[list[OwnKey]]]) -> list[OwnKey]:
        before = await self.sharing.names()
        made = await work()
        try:
            await self.sharing.share(await self.sharing.names() - before)
        except RelayError:
            for key in made:
                await self.forget(key.subkeys[-1])
            raise
        return made
