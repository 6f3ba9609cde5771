"""A source that is asked over the network, with its memory: `CachedSource`.

Promises: what it answered counts for as long as `Lifetimes` say, in every process and over restarts; a process asks
for an address once at a time, however many wait for it, and whoever gives up waiting ends nothing; what is found is
in the store before it is answered (`relay.keys.merge_policy`). An outage that concerns a whole domain (WKD) or a whole
directory (LDAP) is remembered for all of it and ends at once what else is under way there. `lookup` never raises: a
store that cannot be used is an outage.

A key that must not be used counts as long as none: its owner may renew it any hour. While its source is down it stays
what is known: an outage that a rule excuses would make of it "no key", and of that a clear mail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

from relay.keys.merge_policy import MergePolicy
from relay.keys.shared_outage import SharedOutage
from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import EngineError, StoreError
from relay.pipeline.ports import Source
from relay.store import Answer, Result
from relay.telemetry import events
from relay.telemetry.events import Event


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """For how many seconds an answer counts (`lookup.cache`)."""

    found: float = 24 * 3600.0
    not_found: float = 3600.0
    unavailable: float = 60.0

    def of(self, result: Result) -> float:
        """Of this kind."""
        match result:
            case Result.FOUND:
                return self.found
            case Result.NOT_FOUND | Result.UNUSABLE:
                return self.not_found
            case Result.UNAVAILABLE:
                return self.unavailable


class Refresh(Enum):
    """When the source itself is asked."""

    WHEN_STALE = "when nothing is remembered"
    TO_RENEW = "unless it did not answer a moment ago"
    ALWAYS = "now"


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer, and when it was given."""

    lookup: Lookup
    asked: float


class Answers(Protocol):
    """What is asked of the store's answers."""

    async def get(self, source: str, names: Collection[str]) -> dict[str, Answer]:
        """Those there are."""

    async def put(self, rows: list[Answer], sooner: float = 0.0) -> None:
        """Remember them; an outage takes nothing away, and what must not be used is asked for so much sooner."""

    async def drop(self, source: str, name: str) -> None:
        """Forget one."""


@runtime_checkable
class ByFingerprint(Protocol):
    """A source that can be asked for one certificate."""

    async def by_fingerprint(self, fingerprint: str) -> Certificate | NotFound | Outage:
        """Its state of it, examined."""


class Certificates(Protocol):
    """What is asked of the store's certificates."""

    async def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """The certificate with this fingerprint."""


@dataclass(frozen=True, slots=True)
class CacheStore:
    """Where answers are kept."""

    answers: Answers
    certificates: Certificates
    merge_policy: MergePolicy
    lifetimes: Lifetimes = Lifetimes()
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class OutageReasons:
    """A source's words for an outage."""

    theirs: frozenset[str]
    """Those that say something of the other side, and nothing of us."""
    widespread: frozenset[str]
    """Those that concern everybody there, and not the address alone."""


class CachedSource:
    """One source; an outage is a reason of `OutageReasons`, or a fault of our own."""

    def __init__(
        self, source: Source, memory: CacheStore, whole: Callable[[Address], str], reasons: OutageReasons
    ) -> None:
        self._source = source
        self._memory = memory
        self._whole = whole
        self._reasons = reasons
        self._underway: dict[tuple[str, Refresh], asyncio.Task[CachedAnswer]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._trouble = SharedOutage()

    @property
    def name(self) -> str:
        """The source's."""
        return self._source.name

    async def lookup(
        self, address: Address, ask: Refresh = Refresh.WHEN_STALE, seen: float | None = None
    ) -> CachedAnswer:
        """What it answers for this very address, from memory where that still counts.

        One task for all who wait: it goes on when one of them is cancelled. `TO_RENEW` renews what was
        `seen`, an answer of that time or none: another answer has come meanwhile, and is as new.
        """
        task = self._underway.get((address.key, ask))
        if task is None:
            task = self._underway[address.key, ask] = asyncio.create_task(self._lookup(address, ask, seen))
            task.add_done_callback(lambda _: self._underway.pop((address.key, ask), None))
        return await asyncio.shield(task)

    def excusable(self, lookup: Lookup) -> bool:
        """Whether it is an outage of the other side's: our own faults, and our store's, no rule excuses."""
        return isinstance(lookup, Outage) and lookup.reason in self._reasons.theirs

    async def method(self, address: Address) -> str:
        """How it was last found there. Raises `StoreError`."""
        row = (await self._memory.answers.get(self.name, (address.key,))).get(address.key)
        return (row and row.method) or self.name

    async def renew(self, fingerprint: str) -> None:
        """Have the store learn what the source knows of this certificate, if it can be asked so."""
        if isinstance(self._source, ByFingerprint):
            await self._source.by_fingerprint(fingerprint)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._underway.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _still_known(self, address: Address, heard: CachedAnswer) -> CachedAnswer:
        """For a mail, what is known of a key is the answer while its source is down."""
        row = (await self._memory.answers.get(self.name, (address.key,))).get(address.key)
        known = await self._known(row, address) if row else None
        return CachedAnswer(known, row.asked) if row and known else heard

    async def _known(self, row: Answer, address: Address) -> Found | Unusable | None:
        if row.result is Result.UNUSABLE:
            return self._unusable(row)
        entry = await self._memory.certificates.by_fingerprint(row.fingerprint) if row.fingerprint else None
        if entry is None or entry.proposed:
            return None
        origin, certificate = Origin(self.name), entry.certificate
        why = certificate.unusable(self._memory.clock(), address)
        if why is None:
            return Found(certificate, origin, self.name, row.method)
        return Unusable(why, row.fingerprint, origin, self.name, row.method, certificate.expires)

    async def _lookup(self, address: Address, ask: Refresh, seen: float | None) -> CachedAnswer:
        async with self._turns.setdefault(address.key, asyncio.Lock()):
            heard = None
            try:
                rows = await self._memory.answers.get(self.name, (address.key, self._whole(address)))
                if ask is not Refresh.ALWAYS:
                    heard = await self._remembered(address, rows, ask, seen)
                heard = heard or await self._ask(address, rows)
                if ask is Refresh.WHEN_STALE and isinstance(heard.lookup, Outage):
                    return await self._still_known(address, heard)
            except StoreError as error:
                return heard or CachedAnswer(Outage(self.name, str(error)), self._memory.clock())
            return heard

    async def _remembered(
        self, address: Address, rows: dict[str, Answer], ask: Refresh, seen: float | None
    ) -> CachedAnswer | None:
        whole, own = rows.get(self._whole(address)), rows.get(address.key)
        if whole and self._counts(whole):
            if ask is Refresh.TO_RENEW:
                await self._write(address, Outage(self.name, whole.reason, whole.method))
            return CachedAnswer(Outage(self.name, whole.reason, whole.method), whole.asked)
        if own is None or not self._counts(own):
            return None
        if ask is Refresh.TO_RENEW and own.result is not Result.UNAVAILABLE and own.asked == seen:
            return None  # else a mail has asked in between
        lookup = await self._as_lookup(own, address)
        return CachedAnswer(lookup, own.asked) if lookup else None

    def _counts(self, answer: Answer) -> bool:
        age = self._memory.clock() - answer.asked
        return 0 <= age < self._memory.lifetimes.of(answer.result)  # a time to come is from a clock that ran ahead

    async def _as_lookup(self, row: Answer, address: Address) -> Lookup | None:
        """None: what it names is not there any more, or over."""
        origin = Origin(self.name)
        match row.result:
            case Result.NOT_FOUND:
                return NotFound(self.name, row.method)
            case Result.UNAVAILABLE:
                return Outage(self.name, row.reason, row.method)
            case Result.UNUSABLE:
                return self._unusable(row)
            case Result.FOUND:
                entry = await self._memory.certificates.by_fingerprint(row.fingerprint)
                if entry is None or entry.certificate.unusable(self._memory.clock(), address):
                    return None
                if entry.proposed and not await self._memory.merge_policy.guard(address, entry.certificate):
                    return None  # the imported one has gone: this one counts once it is found again
                return Found(entry.certificate, origin, self.name, row.method)

    def _unusable(self, row: Answer) -> Unusable:
        return Unusable(Why(row.reason), row.fingerprint, Origin(self.name), self.name, row.method, row.expires)

    async def _ask(self, address: Address, rows: dict[str, Answer]) -> CachedAnswer:
        begun = time.monotonic()
        whole = self._whole(address)
        lookup = await self._trouble.shared(whole, self._source.lookup(address), self._concerns_all)
        try:
            if isinstance(lookup, Found):
                await self._memory.merge_policy.keep(lookup, address)
            if not isinstance(lookup, Outage) and whole in rows:
                await self._memory.answers.drop(self.name, whole)
            await self._write(address, lookup)
        except (StoreError, EngineError) as error:
            lookup = Outage(self.name, str(error))
        self._tell(address, lookup, time.monotonic() - begun)
        return CachedAnswer(lookup, self._memory.clock())

    def _concerns_all(self, lookup: Lookup) -> bool:
        return isinstance(lookup, Outage) and lookup.reason in self._reasons.widespread

    async def _write(self, address: Address, lookup: Lookup) -> None:
        answer = _answer(self.name, address.key, self._memory.clock(), lookup)
        whole = [replace(answer, address=self._whole(address))] if self._concerns_all(lookup) else []
        lives = self._memory.lifetimes
        await self._memory.answers.put([answer, *whole], lives.not_found - lives.unavailable)  # asked again as soon

    def _tell(self, address: Address, lookup: Lookup, seconds: float) -> None:
        answer = _answer(self.name, address.key, 0, lookup)
        events.log().info(
            Event.ASKED,
            source=self.name,
            recipient=address.text,
            result=answer.result.value,
            method=answer.method,
            reason=answer.reason,
            seconds=round(seconds, 3),
        )


def _answer(source: str, address: str, asked: float, lookup: Lookup) -> Answer:
    match lookup:
        case Found(certificate=certificate):
            return Answer(source, address, asked, Result.FOUND, lookup.method, certificate.fingerprint)
        case NotFound():
            return Answer(source, address, asked, Result.NOT_FOUND, lookup.method)
        case Unusable(why=why, fingerprint=fingerprint, expires=expires):
            return Answer(source, address, asked, Result.UNUSABLE, lookup.method, fingerprint, why.value, expires)
        case Outage(reason=reason):
            return Answer(source, address, asked, Result.UNAVAILABLE, lookup.method, reason=str(reason))
