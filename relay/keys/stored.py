"""What is stored for an address, without asking anybody: its binding, or its key in the keyring.

For commands that report what a mail would find now. Raises `StoreError`.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.keys.bound import BoundKeys
from relay.keys.keyring import Keyring
from relay.model import Address, Lookup


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Certificates as they stand in the store: none is read again."""

    bound: BoundKeys
    keyring: Keyring

    async def lookup(self, address: Address) -> Lookup:
        """What a mail to this address would be encrypted to, as far as the store knows."""
        return await self.bound.lookup(address) or await self.keyring.lookup(address)
