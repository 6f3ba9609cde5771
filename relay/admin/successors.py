"""The keys that replace those that a lost node had: one for each, however often the removal is run.

The store records which key replaces which one. So no other key with the same user id, such as an imported one, is
taken for a successor. Raises `EngineError` and `StoreError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from relay.config import Config
from relay.daemon.engines import passphrase
from relay.openpgp import signing
from relay.store import Store


@dataclass(slots=True)
class Successors:
    """The successors of the keys that this node had."""

    config: Config
    store: Store
    node: str
    made: dict[str, str] = field(default_factory=dict)
    """The successors, by the fingerprint of the key that was replaced."""

    async def learn(self) -> None:
        """Read which keys earlier runs have made."""
        self.made.update(await self.store.node_removals.successors(self.node))

    async def of(self, old: str) -> str:
        """The key that replaces this one; it is made if there is none here. A successor is its own."""
        if old in self.made.values():
            return old
        here = {key.fingerprint for key in await signing.secret_keys(self.config.keyring)}
        if self.made.get(old) not in here:
            key = await signing.generate_successor(self.config.keyring, old, passphrase(self.config))
            await self.store.node_removals.made(self.node, old, key.fingerprint)
            self.made[old] = key.fingerprint
        return self.made[old]

    def replaced_by(self, new: str) -> set[str]:
        """The keys whose successor this one is."""
        return {old for old, made in self.made.items() if made == new}
