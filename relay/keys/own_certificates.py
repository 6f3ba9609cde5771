"""The certificates of own addresses as a source of keys: for mail that was opened.

`OwnCertificates` is a `relay.pipeline.ports.Source` and `OwnFirst` the `Lookups` that asks it before all others. A
certificate that is revoked, or that the engine rejects, must not be used, which is not "no key". A store or an engine
that fails is an outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from relay.keys import selection
from relay.model import Address, Certificate, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import EngineError, StoreError
from relay.model.own import OwnKey, OwnState
from relay.pipeline.ports import Examiner, Lookups

NAME = "own"


class OwnKeys(Protocol):
    """The part of the store that has them: `relay.store.OwnKeys`."""

    async def get(self, address: Address) -> OwnKey | None:
        """That of this address, whatever its state. Raises `StoreError`."""


class OwnCertificates:
    """Those of the addresses in `domains`, our own mail domains."""

    def __init__(
        self,
        own_keys: OwnKeys,
        examiner: Examiner,
        domains: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._own_keys = own_keys
        self._examiner = examiner
        self._domains = frozenset(domains)
        self._clock = clock

    @property
    def name(self) -> str:
        """The word for this source in trace and log: `own`."""
        return NAME

    async def lookup(self, address: Address) -> Lookup:
        """That of this address, or of the one without its `+tag`. Never raises."""
        try:
            for wanted in filter(None, (address, address.untagged)):
                if wanted.domain in self._domains and (key := await self._own_keys.get(wanted)):
                    return await self._judged(key)
        except (EngineError, StoreError) as error:
            return Outage(NAME, str(error), NAME)
        return NotFound(NAME, NAME)

    async def _judged(self, key: OwnKey) -> Lookup:
        (read,) = await self._examiner.examine([key.data])
        if not isinstance(read, Certificate):
            return Unusable(Why.UNREADABLE, key.fingerprint, Origin.OWN, NAME, NAME)
        if key.state is not OwnState.ACTIVE:
            return Unusable(Why.REVOKED, key.fingerprint, Origin.OWN, NAME, NAME, read.expires)
        why = read.unusable(self._clock(), key.address)
        return selection.answer(selection.Judged(read, why), Origin.OWN, NAME, NAME)


class OwnFirst:
    """Own addresses have their own certificate; all others, and those without, what the other sources answer."""

    def __init__(self, own: OwnCertificates, others: Lookups) -> None:
        self._own = own
        self._others = others

    async def find_all(
        self, wanted: Mapping[Address, frozenset[str]], since: float | None = None
    ) -> dict[Address, Lookup]:
        """The answer for each address. Never raises."""
        answers = dict(zip(wanted, await asyncio.gather(*map(self._own.lookup, wanted)), strict=True))
        found = {address: answer for address, answer in answers.items() if not isinstance(answer, NotFound)}
        rest = {address: excused for address, excused in wanted.items() if address not in found}
        return found | await self._others.find_all(rest, since)
