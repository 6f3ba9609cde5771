"""All recipients of a message at once, through keyring and sources in their order (DESIGN 6).

- The keyring is asked first, wherever it stands among the sources: a usable certificate that an administrator
  imported always wins, and one that must not be used is never passed over for another. What sources brought
  stands in the store and counts from there; once it is older than `lookup.cache.found` its source is asked again,
  for `REFRESH` seconds at most: a source that is down or slow then leaves the stored certificate in use.
- Found stops the chain, NotFound asks the next source, an outage stops it: an outage is never "no key", unless a
  rule excuses it for this source. What fails with us, and not with the other side, no rule excuses.
- A certificate that must not be used never decays to "no key", and is not turned into an outage either: what is
  known of it is told at once. Further sources may bring the same certificate renewed, or, where none was imported,
  another one.
- The exact address before the one without its `+tag`, at each source.

One deadline holds for all addresses of a message. What is not answered by then is an outage, but for what is known
already; the lookups themselves go on for others who wait. `find_all` never raises `StoreError`: a store that cannot
be read is an outage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from relay.keys.cache import CachedAnswer, CachedSource, Refresh
from relay.keys.keyring import Keyring
from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import StoreError

NO_SOURCE = "none"
TOO_SLOW = "no answer within the message's deadline"
TOO_SLOW_NOW = "no answer at once"
REFRESH = 2.0
LOCAL_AT_ONCE = 50  # of one message: the lookups of others are not behind ten thousand of these


class Certificates(Protocol):
    """What is asked of the store."""

    async def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """The certificate with this fingerprint."""


class Guard(Protocol):
    """What is asked of the merge policy."""

    async def guard(self, address: Address, certificate: Certificate) -> bool:
        """Whether an imported certificate stands before this fetched one, which then is proposed and no more."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source says, for people: when it said so, when it was asked for now, and how long that took."""

    source: str
    lookup: Lookup
    asked: float
    begun: float
    seconds: float
    judged: Lookup | None = None
    """What the store makes of a certificate that was found, where the search asked for it."""

    @property
    def remembered(self) -> bool:
        """It was said before it was asked for now."""
        return self.asked < self.begun


@dataclass(frozen=True, slots=True)
class LocalStore:
    """The store as the resolver uses it."""

    keyring: Keyring
    certificates: Certificates
    guard: Guard
    listed: bool = True
    """`keyring` is among the sources; else only what they bring counts."""


class Resolver:
    """The sources, asked in order."""

    def __init__(
        self,
        local: LocalStore,
        remotes: Sequence[CachedSource],
        timeout: float,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._local = local
        self._remotes = tuple(remotes)
        self._timeout = timeout
        self._refresh = min(REFRESH, timeout / 2)
        self._close = close

    @property
    def remotes(self) -> tuple[CachedSource, ...]:
        """The sources that are asked over the network."""
        return self._remotes

    async def find_all(self, wanted: Mapping[Address, frozenset[str]]) -> dict[Address, Lookup]:
        """The answer for each address; the value names the sources whose outage a rule excuses."""
        if not wanted:
            return {}
        return {address: answer for address, (answer, _) in (await self._find_all(wanted)).items()}

    async def reason(self, address: Address, excused: frozenset[str]) -> tuple[Lookup, list[SourceReport]]:
        """As `find_all` for one address, and what each source said that was asked for it, in that order."""
        return (await self._find_all({address: excused}))[address]

    async def _find_all(
        self, wanted: Mapping[Address, frozenset[str]]
    ) -> dict[Address, tuple[Lookup, list[SourceReport]]]:
        searches = {address: _Search(address, excused) for address, excused in wanted.items()}
        turns = asyncio.Semaphore(LOCAL_AT_ONCE)
        tasks = {address: asyncio.create_task(self._find(search, turns)) for address, search in searches.items()}
        try:
            await asyncio.wait(tasks.values(), timeout=self._timeout)
        finally:
            for task in tasks.values():
                task.cancel()
        return {address: (_result(tasks[address], search), search.told) for address, search in searches.items()}

    async def tell(self, address: Address, ask: Refresh = Refresh.WHEN_STALE) -> list[SourceReport]:
        """What each source says, one after the other and none left out."""
        told = []
        if self._local.listed:
            told.append(await self._tell_local(address))
        for remote in self._remotes:
            answer, _ = await self._tell(remote, address, ask)
            told.append(answer)
        return told

    async def close(self) -> None:
        """Give up what is under way, and release connections."""
        for remote in self._remotes:
            await remote.close()
        if self._close:
            await self._close()

    async def _find(self, search: _Search, turns: asyncio.Semaphore) -> Lookup:
        try:
            async with turns:
                await self._look_local(search)
            if not isinstance(search.known, Found | Outage):
                await self._look_further(search)
        except StoreError as error:
            search.known = Outage(self._local.keyring.name, str(error))
        return search.known

    async def _look_local(self, search: _Search) -> None:
        if not self._local.listed:
            return
        told = await self._tell_local(search.address)
        search.told.append(told)
        known, passed_over = told.lookup, set[str]()
        while isinstance(known, Found) and known.origin is not Origin.IMPORTED and await self._guarded(search, known):
            passed_over.add(known.certificate.fingerprint)
            known = await self._local.keyring.lookup(search.address, passed_over)
        search.known = known
        if not isinstance(known, Found):
            return
        remote = next((remote for remote in self._remotes if remote.name == known.origin.value), None)
        if remote:
            await self._look_again(search, known, remote)

    async def _look_again(self, search: _Search, known: Found, remote: CachedSource) -> None:
        """A fetched certificate: from memory as long as that counts, then from its source."""
        wanted = _address_of(known.certificate, search.address)
        search.known = replace(known, source=remote.name, method=await remote.method(wanted))
        now, begun = time.time(), time.monotonic()
        try:
            heard = await asyncio.wait_for(remote.lookup(wanted), self._refresh)
        except TimeoutError:
            search.told.append(SourceReport(remote.name, Outage(remote.name, TOO_SLOW_NOW), now, now, self._refresh))
            return
        search.told.append(SourceReport(remote.name, heard.lookup, heard.asked, now, time.monotonic() - begun))
        match heard.lookup:
            case Unusable(fingerprint=fingerprint) if fingerprint == known.certificate.fingerprint:
                search.known = heard.lookup
            case Found() as found if isinstance(judged := await self._taken(found, wanted), Found):
                search.known = judged
            case Found() | Unusable():
                again = await self._local.keyring.lookup(search.address)
                search.known = again if not isinstance(again, Found) else search.known
            case _:
                pass

    async def _look_further(self, search: _Search) -> None:
        for remote in self._remotes:
            excused = remote.name in search.excused
            told, address = await self._tell(remote, search.address, Refresh.WHEN_STALE, excused=excused)
            search.told.append(told)
            match told.lookup:
                case Found() as found:
                    judged = await self._taken(found, address)
                    search.told[-1] = replace(told, judged=judged)
                    if isinstance(judged, Found):
                        search.known = judged
                        return
                    search.note(judged)
                case Unusable() as unusable:
                    search.note(unusable)
                case Outage() as outage if not (excused and remote.excusable(outage)):
                    search.note(outage)
                    return
                case _:
                    pass

    async def _tell_local(self, address: Address) -> SourceReport:
        now, begun = time.time(), time.monotonic()
        known = await self._local.keyring.lookup(address)
        return SourceReport(self._local.keyring.name, known, now, now, time.monotonic() - begun)

    async def _tell(
        self, remote: CachedSource, address: Address, ask: Refresh, *, excused: bool = False
    ) -> tuple[SourceReport, Address]:
        now, begun = time.time(), time.monotonic()
        heard, spoken_of = await self._ask(remote, address, ask, excused=excused)
        return SourceReport(remote.name, heard.lookup, heard.asked, now, time.monotonic() - begun), spoken_of

    async def _ask(
        self, remote: CachedSource, address: Address, ask: Refresh, *, excused: bool = False
    ) -> tuple[CachedAnswer, Address]:
        """The exact address first; the answer, and for which of the two it was given."""
        heard = await remote.lookup(address, ask)
        none_there = isinstance(heard.lookup, NotFound) or (excused and remote.excusable(heard.lookup))
        if none_there and (untagged := address.untagged):
            return await remote.lookup(untagged, ask), untagged
        return heard, address

    async def _taken(self, found: Found, address: Address) -> Lookup:
        """As the store has it now: merged, perhaps weak, perhaps only proposed (then nothing new is known)."""
        entry = await self._local.certificates.by_fingerprint(found.certificate.fingerprint)
        if entry is None:  # a person rejected it: that is not "no key"
            fingerprint = found.certificate.fingerprint
            return Unusable(Why.DISABLED, fingerprint, found.origin, found.source, found.method)
        if self._local.listed and entry.origin is not Origin.IMPORTED:
            beside = await self._local.keyring.lookup(address)
            if isinstance(beside, Found) and beside.origin is Origin.IMPORTED:
                return beside
            if await self._local.guard.guard(address, entry.certificate):
                return NotFound(found.source, found.method)
        judged = self._local.keyring.judge([entry], address)
        return replace(judged, source=found.source, method=found.method)

    async def _guarded(self, search: _Search, known: Found) -> bool:
        return await self._local.guard.guard(_address_of(known.certificate, search.address), known.certificate)


@dataclass(slots=True)
class _Search:
    """One address, and what is known so far."""

    address: Address
    excused: frozenset[str]
    known: Lookup = NotFound(NO_SOURCE)  # noqa: RUF009  frozen
    told: list[SourceReport] = field(default_factory=list)

    def note(self, news: Lookup) -> None:
        """What must not be used is told rather than what came after it."""
        if not isinstance(self.known, Unusable) and not isinstance(news, NotFound):
            self.known = news


def _address_of(certificate: Certificate, address: Address) -> Address:
    """The address as the certificate has it: this one, or without its tag."""
    untagged = address.untagged
    return untagged if untagged and address not in certificate.addresses else address


def _result(task: asyncio.Task[Lookup], search: _Search) -> Lookup:
    if task.done() and not task.cancelled():
        return task.result()
    return search.known if isinstance(search.known, Found | Unusable) else Outage("lookup", TOO_SLOW)
