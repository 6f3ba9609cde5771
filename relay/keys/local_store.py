"""The store as searches use it: the keys bound to an address, and those stored for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from relay.keys.asking import SourceReport
from relay.keys.bound import NAME as BINDING
from relay.keys.bound import BoundKeys
from relay.keys.current import KnownCertificates
from relay.keys.keyring import Keyring
from relay.keys.merge_policy import MergePolicy
from relay.model import Address


class State(Protocol):
    """The store's state tokens (`relay.store.StateTokens`)."""

    async def renew(self, since: float | None = None) -> None:
        """What any process stored before `since` (None: before this call) counts after it. Raises `StoreError`."""


@dataclass(frozen=True, slots=True)
class LocalStore:
    """The store as searches use it."""

    keyring: Keyring
    certificates: KnownCertificates
    merge_policy: MergePolicy
    bound_keys: BoundKeys
    state: State
    listed: bool = True
    """`keyring` is among the sources; else imported certificates do not count."""

    async def bound(self, address: Address) -> SourceReport | None:
        """What a binding has; None: no binding counts. Raises `StoreError`."""
        now, begun = time.time(), time.monotonic()
        found = await self.bound_keys.lookup(address)
        return None if found is None else SourceReport(BINDING, found, now, now, time.monotonic() - begun)

    async def report(self, address: Address) -> SourceReport:
        """What the store has for the address, and when it was asked. Raises nothing: an outage is in the report."""
        now, begun = time.time(), time.monotonic()
        known = await self.keyring.lookup(address)
        return SourceReport(self.keyring.name, known, now, now, time.monotonic() - begun)
