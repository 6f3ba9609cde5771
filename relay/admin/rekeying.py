"""Replaces the keys that a lost node had, and the secret that encrypts preset codes.

If one key cannot be replaced, the rest is replaced nevertheless, and the command can be run again. A second run
replaces only what the lost node had, not what was made since. Raises `StoreError`.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable
from dataclasses import dataclass, field

from relay.admin import signing_keys
from relay.admin.signing_keys import Replaced
from relay.admin.successors import Successors
from relay.config import Config
from relay.daemon.own import build_certificates
from relay.daemon.secret_sharing import SecretSharing
from relay.model.errors import EngineError, OwnError
from relay.openpgp import signing
from relay.openpgp.vault import Vault
from relay.own.certificates import AT_ONCE
from relay.store import Store


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The keys that were replaced because a node is lost."""

    organisation: str
    """The fingerprint of its new key; empty: it has none."""
    addresses: int
    signers: tuple[Replaced, ...]
    """The keys that `sign` names, and what was made in their place."""
    failed: tuple[str, ...] = ()
    """Why it is not finished: `remove` has to be run again. The keys above were made nevertheless."""


@dataclass(slots=True)
class Rekeying:
    """One run of `node remove`: `run` replaces the keys, and returns what was replaced."""

    config: Config
    store: Store
    secrets: SecretSharing
    successors: Successors
    known: frozenset[str] | None
    """The names of the secret keys that the lost node had, where an earlier run failed; None: this is the first run."""
    _failed: list[str] = field(default_factory=list)

    async def run(self) -> Rekeyed:
        """Replace the organisation's key, own certificates, and the keys that `sign` names."""
        await self.successors.learn()
        before = await self.secrets.names() if self.known is None else self.known
        old = await self.store.own_keys.organisation()
        organisation = await self._new_organisation(old, before) if old else ""
        addresses = await self._new_certificates(organisation) if organisation else 0
        made: list[Replaced] = []
        await self._try(signing_keys.replace(self.config, self.successors, made))
        await self._try(self._renew_vault())
        await self._try(self._share(before))
        if organisation:
            await self._try(self._revoke_former(organisation))
        return Rekeyed(organisation, addresses, tuple(made), tuple(dict.fromkeys(self._failed)))

    async def _try(self, work: Awaitable[None]) -> bool:
        try:
            await work
        except (EngineError, OwnError) as error:
            self._failed.append(str(error))
            return False
        return True

    async def _renew_vault(self) -> None:
        Vault(self.config.keyring).renew()

    async def _share(self, before: frozenset[str]) -> None:
        buried = await self.store.own_keys.buried_keygrips()
        await self.secrets.share(
            {n for n in await self.secrets.names() - before if n.split("/")[-1][:40] not in buried}
        )

    async def _new_organisation(self, old: str, before: frozenset[str]) -> str:
        """The key that is in use from now on; empty where it is not yet."""
        made: list[str] = []

        async def make() -> None:
            made.append(await self.successors.of(old))
            await self._share(before)
            await self.store.own_keys.set_organisation(made[0])

        return made[0] if await self._try(make()) else ""

    async def _new_certificates(self, organisation: str) -> int:
        made = 0

        async def succeed() -> None:
            nonlocal made
            since = await self._since(organisation)
            certificates = await build_certificates(self.config, self.store)
            keys = [key for key in await self.store.own_keys.all() if key.signs and key.created < since]
            for at in range(0, len(keys), AT_ONCE):
                made += len(await certificates.succeed(keys[at : at + AT_ONCE]))

        await self._try(succeed())
        return made

    async def _since(self, organisation: str) -> float:
        """Certificates made before that time are replaced: after a run that failed, some were."""
        if self.known is None:
            return math.inf
        keys = await signing.secret_keys(self.config.keyring)
        return next((key.created for key in keys if key.fingerprint == organisation), math.inf)

    async def _revoke_former(self, organisation: str) -> None:
        for fingerprint in sorted(self.successors.replaced_by(organisation)):
            await signing.revoke(self.config.keyring, fingerprint)
        await self.secrets.give()
