"""What one source answered before, as far as it still counts (`CachedSource` asks where it does not).

Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from relay.keys import selection
from relay.keys.cached_answers import CachedAnswer, Lifetimes, Refresh, outage, to_row, unusable
from relay.keys.current import KnownCertificates
from relay.keys.merge_policy import MergePolicy
from relay.keys.selection import Judged
from relay.model import Address, Found, Lookup, NotFound, Origin, Outage, Unusable
from relay.store import Answer, Answers, Result


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


class Remembered(NamedTuple):
    """The rows for one address and for the scope of its source's outages."""

    own: Answer | None
    whole: Answer | None


class SourceMemory:
    """The answers of one source."""

    def __init__(self, source: str, store: CacheStore) -> None:
        self._source = source
        self._store = store

    async def rows(self, address: Address, scope: str) -> Remembered:
        """What is stored of an address and of its scope, whether it still counts or not."""
        rows = await self._store.answers.get(self._source, (address.key, scope))
        return Remembered(rows.get(address.key), rows.get(scope))

    async def keep(self, address: Address, lookup: Lookup, *, scope: str = "", authorities: str = "") -> None:
        """Store this answer; with a `scope`, as an outage of all of that too."""
        row = replace(to_row(self._source, address.key, self._store.clock(), lookup), authorities=authorities)
        await self._put(row, *([replace(row, address=scope)] if scope else []))

    async def forget_outage(self, scope: str) -> None:
        """The scope's outage is over."""
        await self._store.answers.drop(self._source, scope)

    async def method(self, address: Address) -> str:
        """How it was last found there."""
        row = await self._row(address)
        return (row and row.method) or self._source

    async def fingerprint(self, address: Address) -> str:
        """Of the certificate that it last had for this address; empty: none."""
        row = await self._row(address)
        return row.fingerprint if row else ""

    async def is_vouched_as_before(self, address: Address) -> bool:
        """Whether those who vouch for the domain are the same as at its last answer."""
        row = await self._row(address)
        return row is not None and await self._is_current(row, address)

    async def recall(
        self, address: Address, rows: Remembered, refresh: Refresh, seen: float | None
    ) -> CachedAnswer | None:
        """The answer that still counts; None: the source is to be asked."""
        own, whole = rows.own, rows.whole
        fresh = self._store.lifetimes.fresh
        if whole and fresh(whole, self._store.clock()):
            if refresh is Refresh.TO_RENEW:  # not due in the next round; nobody was asked since
                await self._put(replace(whole, address=address.key, authorities=""))
            return CachedAnswer(outage(whole), whole.asked)
        if own is None or not fresh(own, self._store.clock()):
            return None
        if own.result is Result.FOUND and not await self._is_current(own, address):
            return None
        if refresh is Refresh.TO_RENEW and own.result is not Result.UNAVAILABLE and own.asked == seen:
            return None  # else a mail has asked in between
        lookup = await self._as_lookup(own, address)
        return CachedAnswer(lookup, own.asked, own.fingerprint) if lookup else None

    async def best_known(self, address: Address, answer: CachedAnswer) -> CachedAnswer:
        """For a mail: what is known of a key is the answer while the source is down, or has none to be used."""
        if isinstance(answer.lookup, Found | Unusable):
            return answer
        row = await self._row(address)
        if row is None:
            return answer
        if row.result is Result.UNUSABLE:
            return CachedAnswer(unusable(row), row.asked, row.fingerprint)
        known = await self._stored(row, address) if isinstance(answer.lookup, Outage) else None
        return CachedAnswer(known or answer.lookup, row.asked if known else answer.asked, row.fingerprint)

    async def _put(self, *rows: Answer) -> None:
        lives = self._store.lifetimes
        await self._store.answers.put(rows, lives.not_found - lives.unavailable)  # asked again as soon

    async def _is_current(self, row: Answer, address: Address) -> bool:
        return row.authorities == await self._store.authorities(address.domain)

    async def _row(self, address: Address) -> Answer | None:
        return (await self._store.answers.get(self._source, (address.key,))).get(address.key)

    async def _stored(self, row: Answer, address: Address) -> Found | Unusable | None:
        """The certificate that this row names, as the store has it."""
        entry = await self._store.certificates.by_fingerprint(row.fingerprint) if row.fingerprint else None
        if entry is None or entry.proposed:
            return None
        judged = Judged(entry.certificate, entry.certificate.unusable(self._store.clock(), address))
        return selection.answer(judged, Origin(self._source), self._source, row.method)

    async def _as_lookup(self, row: Answer, address: Address) -> Lookup | None:
        """None: the certificate that it names is gone, or has expired."""
        match row.result:
            case Result.NOT_FOUND:
                return NotFound(self._source, row.method)
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
                return Found(entry.certificate, Origin(self._source), self._source, row.method)
