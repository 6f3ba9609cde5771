"""A source that is asked over the network, with its memory (`relay.keys.source_memory`): `CachedSource`.

- An answer counts for as long as `Lifetimes` says, in every process and over restarts, and until the authorities of the
  address's domain change.
- An address is asked for once at a time, however many wait for it (`relay.keys.fetches`), and messages share the places
  at the source fairly (`relay.keys.fair_queue`).
- What is found is in the store before it is answered (`relay.keys.merge_policy`), usable or not.
- An outage of a whole scope (a domain for WKD, the directory for LDAP) is remembered for all of it, and ends at once
  what else is under way there.
- A key that must not be used stays known while the source is down or has no key.

`lookup` never raises: a store that cannot be used is an outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

from relay.keys.cached_answers import CachedAnswer, Refresh, to_row
from relay.keys.fair_queue import FairQueue, Owner, Ticket
from relay.keys.fetches import Fetches
from relay.keys.shared_outage import SharedOutage
from relay.keys.source_memory import CacheStore, SourceMemory
from relay.model import Address, Certificate, Found, Lookup, NotFound, Outage, Unusable
from relay.model.errors import EngineError, StoreError
from relay.pipeline.ports import Source
from relay.telemetry import events
from relay.telemetry.events import Event


@runtime_checkable
class ByFingerprint(Protocol):
    """A source that can be asked for one certificate."""

    async def by_fingerprint(self, fingerprint: str) -> Certificate | NotFound | Outage:
        """Its state of it, examined."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How a source is asked, and what its outages mean."""

    scope: Callable[[Address], str]
    """The name of what an outage concerns as a whole: no address."""
    places: int
    """Fetches at a time."""
    places_each: int
    """Of them in one scope."""
    external: frozenset[str]
    """The reasons of outages that are the other side's, and not this relay's."""
    widespread: frozenset[str]
    """Those that concern the whole scope, and not one address alone."""


class CachedSource:
    """A source of keys whose answers, and failures, are kept in the store for a time."""

    def __init__(self, source: Source, store: CacheStore, limits: Limits) -> None:
        self.memory = SourceMemory(source.name, store)
        self._source = source
        self._store = store
        self._limits = limits
        self._queue = FairQueue(limits.places, limits.places_each)
        self._fetches: Fetches[CachedAnswer] = Fetches(self._queue)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._outages = SharedOutage()

    @property
    def name(self) -> str:
        """The name of the source whose answers are kept."""
        return self._source.name

    async def lookup(
        self,
        address: Address,
        refresh: Refresh = Refresh.WHEN_STALE,
        *,
        seen: float | None = None,
        owner: Owner | None = None,
    ) -> CachedAnswer:
        """What it answers for this very address, from memory where that still counts.

        `owner` is the message that it is asked for. With `TO_RENEW` the answer given at the time `seen` is renewed
        (None: there was none); another answer that has come meanwhile is as good.
        """
        return await self._fetches.result(
            (address.key, refresh),
            self._limits.scope(address),
            object() if owner is None else owner,
            lambda ticket: self._lookup(address, refresh, seen, ticket),
        )

    def excusable(self, lookup: Lookup) -> bool:
        """Whether a rule may excuse it: an outage of the other side's, and no fault of ours or of our store."""
        return isinstance(lookup, Outage) and lookup.reason in self._limits.external

    async def renew(self, fingerprint: str) -> None:
        """Have the store learn what the source knows of this certificate, if it can be asked so."""
        if isinstance(self._source, ByFingerprint):
            await self._source.by_fingerprint(fingerprint)

    async def close(self) -> None:
        """Cancel what is under way."""
        await self._fetches.close()

    async def _lookup(self, address: Address, refresh: Refresh, seen: float | None, ticket: Ticket) -> CachedAnswer:
        async with self._locks.setdefault(address.key, asyncio.Lock()):
            answer = None
            try:
                rows = await self.memory.rows(address, ticket.scope)
                if refresh is not Refresh.ALWAYS:
                    answer = await self.memory.recall(address, rows, refresh, seen)
                answer = answer or await self._ask(address, ticket, forget_outage=rows.whole is not None)
                if refresh is Refresh.WHEN_STALE:
                    return await self.memory.best_known(address, answer)
            except StoreError as error:
                return answer or CachedAnswer(Outage(self.name, str(error)), self._store.clock())
            return answer

    async def _ask(self, address: Address, ticket: Ticket, *, forget_outage: bool) -> CachedAnswer:
        begun, authorities = time.monotonic(), await self._store.authorities(address.domain)
        lookup = await self._outages.shared(ticket.scope, self._fetch(address, ticket), self._is_widespread)
        try:
            if isinstance(lookup, Found | Unusable) and lookup.certificate:
                await self._store.merge_policy.keep(lookup.certificate, lookup.origin, address)
            if forget_outage and not isinstance(lookup, Outage):
                await self.memory.forget_outage(ticket.scope)
            scope = ticket.scope if self._is_widespread(lookup) else ""
            await self.memory.keep(address, lookup, scope=scope, authorities=authorities)
        except (StoreError, EngineError) as error:
            lookup = Outage(self.name, str(error))
        self._log(address, lookup, time.monotonic() - begun)
        return CachedAnswer(lookup, self._store.clock())

    async def _fetch(self, address: Address, ticket: Ticket) -> Lookup:
        async with self._queue.place(ticket):
            return await self._source.lookup(address)

    def _is_widespread(self, lookup: Lookup) -> bool:
        return isinstance(lookup, Outage) and lookup.reason in self._limits.widespread

    def _log(self, address: Address, lookup: Lookup, seconds: float) -> None:
        row = to_row(self.name, address.key, 0, lookup)
        events.log().info(
            Event.SOURCE_ASKED,
            source=self.name,
            recipient=address.text,
            result=row.result.value,
            method=row.method,
            reason=row.reason,
            seconds=round(seconds, 3),
        )
