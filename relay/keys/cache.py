"""A source that is asked over the network, with its memory: `CachedSource`.

- What it answered counts for as long as `Lifetimes` say, in every process and over restarts, and until those change who
  vouch for the address's domain.
- An address is asked for once at a time, however many wait for it (`relay.keys.fetches`), and messages share the places
  at the source fairly (`relay.keys.fair_queue`).
- What is found is in the store before it is answered (`relay.keys.merge_policy`), usable or not.
- An outage of a whole scope (a domain for WKD, the directory for LDAP) is remembered for all of it, and ends at once
  what else is under way there.
- What must not be used stays known while the source is down or says that it has nothing.

`lookup` never raises: a store that cannot be used is an outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

from relay.keys import selection
from relay.keys.cached_answers import CachedAnswer, Lifetimes, outage, to_row, unusable
from relay.keys.current import KnownCertificates
from relay.keys.fair_queue import FairQueue, Owner, Ticket
from relay.keys.fetches import Fetches
from relay.keys.merge_policy import MergePolicy
from relay.keys.selection import Judged
from relay.keys.shared_outage import SharedOutage
from relay.model import Address, Certificate, Found, Lookup, NotFound, Origin, Outage, Unusable
from relay.model.errors import EngineError, StoreError
from relay.pipeline.ports import Source
from relay.store import Answer, Answers, Result
from relay.telemetry import events
from relay.telemetry.events import Event


class Refresh(Enum):
    """When the source itself is asked."""

    WHEN_STALE = "when nothing is remembered"
    TO_RENEW = "unless it did not answer a moment ago"
    ALWAYS = "now"


@runtime_checkable
class ByFingerprint(Protocol):
    """A source that can be asked for one certificate."""

    async def by_fingerprint(self, fingerprint: str) -> Certificate | NotFound | Outage:
        """Its state of it, examined."""


async def nobody(_domain: str) -> str:
    """Return the empty state: no authority may vouch for the keys of any domain."""
    return ""


@dataclass(frozen=True, slots=True)
class CacheStore:
    """Where answers and certificates are kept."""

    answers: Answers
    certificates: KnownCertificates
    merge_policy: MergePolicy
    lifetimes: Lifetimes
    clock: Callable[[], float] = time.time
    authorities: Callable[[str], Awaitable[str]] = nobody
    """The state of those who may vouch for a domain (`relay.keys.authorities`). Raises `StoreError`."""


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
    """The reasons of outages that say something of the other side, and nothing of this relay."""
    widespread: frozenset[str]
    """Those that concern the whole scope, and not one address alone."""


class CachedSource:
    """A source of keys whose answers, and failures, are kept in the store for a time."""

    def __init__(self, source: Source, store: CacheStore, limits: Limits) -> None:
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

    async def method(self, address: Address) -> str:
        """How it was last found there. Raises `StoreError`."""
        row = (await self._store.answers.get(self.name, (address.key,))).get(address.key)
        return (row and row.method) or self.name

    async def found(self, address: Address) -> tuple[str, bool]:
        """The fingerprint that it had for this address, and whether those who vouch are the same since."""
        row = (await self._store.answers.get(self.name, (address.key,))).get(address.key)
        return (row.fingerprint, await self._is_current(row, address)) if row else ("", False)

    async def _is_current(self, row: Answer, address: Address) -> bool:
        return row.authorities == await self._store.authorities(address.domain)

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
                rows = await self._store.answers.get(self.name, (address.key, ticket.scope))
                own, whole = rows.get(address.key), rows.get(ticket.scope)
                if refresh is not Refresh.ALWAYS:
                    answer = await self._remembered(address, own, whole, refresh, seen)
                answer = answer or await self._ask(address, ticket, forget_outage=whole is not None)
                if refresh is Refresh.WHEN_STALE:
                    return await self._with_what_is_known(address, answer)
            except StoreError as error:
                return answer or CachedAnswer(Outage(self.name, str(error)), self._store.clock())
            return answer

    async def _with_what_is_known(self, address: Address, answer: CachedAnswer) -> CachedAnswer:
        """For a mail: what is known of a key is the answer while the source is down, or has none to be used."""
        if isinstance(answer.lookup, Found | Unusable):
            return answer
        row = (await self._store.answers.get(self.name, (address.key,))).get(address.key)
        if row is None:
            return answer
        if row.result is Result.UNUSABLE:
            return CachedAnswer(unusable(row), row.asked, row.fingerprint)
        known = await self._stored(row, address) if isinstance(answer.lookup, Outage) else None
        return CachedAnswer(known or answer.lookup, row.asked if known else answer.asked, row.fingerprint)

    async def _stored(self, row: Answer, address: Address) -> Found | Unusable | None:
        """The certificate that this row names, as the store has it."""
        entry = await self._store.certificates.by_fingerprint(row.fingerprint) if row.fingerprint else None
        if entry is None or entry.proposed:
            return None
        judged = Judged(entry.certificate, entry.certificate.unusable(self._store.clock(), address))
        return selection.answer(judged, Origin(self.name), self.name, row.method)

    async def _remembered(
        self, address: Address, own: Answer | None, whole: Answer | None, refresh: Refresh, seen: float | None
    ) -> CachedAnswer | None:
        fresh = self._store.lifetimes.fresh
        if whole and fresh(whole, self._store.clock()):
            if refresh is Refresh.TO_RENEW:
                await self._write(address, outage(whole))
            return CachedAnswer(outage(whole), whole.asked)
        if own is None or not fresh(own, self._store.clock()):
            return None
        if own.result is Result.FOUND and not await self._is_current(own, address):
            return None
        if refresh is Refresh.TO_RENEW and own.result is not Result.UNAVAILABLE and own.asked == seen:
            return None  # else a mail has asked in between
        lookup = await self._as_lookup(own, address)
        return CachedAnswer(lookup, own.asked, own.fingerprint) if lookup else None

    async def _as_lookup(self, row: Answer, address: Address) -> Lookup | None:
        """None: the certificate that it names is gone, or has expired."""
        match row.result:
            case Result.NOT_FOUND:
                return NotFound(self.name, row.method)
            case Result.UNAVAILABLE:
                return outage(row)
            case Result.UNUSABLE:
                return unusable(row)
            case Result.FOUND:
                entry = await self._store.certificates.by_fingerprint(row.fingerprint)
                if entry is None or entry.certificate.unusable(self._store.clock(), address):
                    return None
                if entry.proposed and not await self._store.merge_policy.guard(address, entry.certificate):
                    return None  # the imported one has gone: this one counts once it is found again
                return Found(entry.certificate, Origin(self.name), self.name, row.method)

    async def _ask(self, address: Address, ticket: Ticket, *, forget_outage: bool) -> CachedAnswer:
        begun, authorities = time.monotonic(), await self._store.authorities(address.domain)
        lookup = await self._outages.shared(ticket.scope, self._fetch(address, ticket), self._is_widespread)
        try:
            if isinstance(lookup, Found | Unusable) and lookup.certificate:
                await self._store.merge_policy.keep(lookup.certificate, lookup.origin, address)
            if forget_outage and not isinstance(lookup, Outage):
                await self._store.answers.drop(self.name, ticket.scope)
            await self._write(address, lookup, authorities)
        except (StoreError, EngineError) as error:
            lookup = Outage(self.name, str(error))
        self._log(address, lookup, time.monotonic() - begun)
        return CachedAnswer(lookup, self._store.clock())

    async def _fetch(self, address: Address, ticket: Ticket) -> Lookup:
        async with self._queue.place(ticket):
            return await self._source.lookup(address)

    def _is_widespread(self, lookup: Lookup) -> bool:
        return isinstance(lookup, Outage) and lookup.reason in self._limits.widespread

    async def _write(self, address: Address, lookup: Lookup, authorities: str = "") -> None:
        row = replace(to_row(self.name, address.key, self._store.clock(), lookup), authorities=authorities)
        whole = [replace(row, address=self._limits.scope(address))] if self._is_widespread(lookup) else []
        lives = self._store.lifetimes
        await self._store.answers.put([row, *whole], lives.not_found - lives.unavailable)  # asked again as soon

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
