"""The search for one address: the store, then the sources in their order (`relay.keys.resolver` has the rules)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from relay.keys.asking import SourceReport, ask
from relay.keys.cache import CachedSource
from relay.keys.cached_answers import Refresh
from relay.keys.fair_queue import Owner
from relay.keys.local_store import LocalStore
from relay.model import Address, Certificate, Entry, Found, Lookup, NotFound, Origin, Outage, Unusable, Why
from relay.model.errors import StoreError

NO_SOURCE = "none"
TOO_SLOW_NOW = "no answer at once"
_BEHIND = frozenset({Origin.VKS, Origin.HARVESTED})
"""Origins of stored certificates behind which no source that comes before is left out."""


@dataclass(slots=True)
class Search:
    """One address, and what is known so far."""

    local: LocalStore
    remotes: Sequence[CachedSource]
    address: Address
    excused: frozenset[str]
    """The sources whose outage a rule excuses."""
    owner: Owner
    """The message that it is for."""
    patience: float
    """Seconds that a source is waited for where a certificate of it is in the store."""
    known: Lookup = NotFound(NO_SOURCE)  # noqa: RUF009  frozen
    reports: list[SourceReport] = field(default_factory=list)
    fallback: Found | None = None
    """A stored certificate that counts where no source before its own has one."""
    _fingerprints: dict[str, str] = field(default_factory=dict)
    """Of certificates that sources had for this address before, and which source."""

    async def run(self, turns: asyncio.Semaphore) -> Lookup:
        """The answer. `turns` limits how many searches of a message read the store at a time."""
        try:
            async with turns:
                if await self._look_bound():
                    return self.known
                await self._look_local()
            if not isinstance(self.known, Found | Outage):
                await self._look_further()
            if isinstance(self.known, NotFound):
                self.known = await self._kept()
            self.known = self.so_far
        except StoreError as error:
            self.known = Outage(self.local.keyring.name, str(error))
        return self.known

    @property
    def so_far(self) -> Lookup:
        """What is known; a key that came with mail counts in place of "no key", and in place of nothing else."""
        behind = self.fallback
        if behind is None or isinstance(self.known, Found):
            return self.known
        takes = behind.origin is not Origin.HARVESTED or isinstance(self.known, NotFound)
        return behind if takes else self.known

    async def _look_bound(self) -> bool:
        """Whether a binding decides: then no source is asked, whatever becomes of its keys."""
        report = await self.local.bound(self.address)
        if report is None:
            return False
        self.reports.append(report)
        self.known = report.lookup
        return True

    async def _look_local(self) -> None:
        report = await self.local.report(self.address)
        if self.local.listed or not isinstance(report.lookup, NotFound):
            self.reports.append(report)
        known, proposed = report.lookup, set[str]()
        while isinstance(known, Found) and known.origin is not Origin.IMPORTED and await self._must_wait(known):
            proposed.add(known.certificate.fingerprint)
            known = await self.local.keyring.lookup(self.address, proposed)
        if isinstance(known, Found) and known.origin in _BEHIND:
            self.fallback = known
            return
        if self.local.listed or not isinstance(known, NotFound):
            self.known = known
        if isinstance(known, Found) and known.origin is Origin.AUTHORITY:
            await self._judge_again(known)
        elif isinstance(known, Found):
            remote = next((remote for remote in self.remotes if remote.name == known.origin.value), None)
            if remote:
                await self._look_again(known, remote)

    async def _judge_again(self, known: Found) -> None:
        """A certification by an authority counts until the authorities change; then the source is asked again.

        Until it answers, the key counts like one from a directory.
        """
        wanted = _named(known.certificate, self.address)
        for remote in self.remotes:
            if await remote.memory.fingerprint(wanted) == known.certificate.fingerprint:
                await self._look_again(known, remote)
                if self._is_vouched() and not await remote.memory.is_vouched_as_before(wanted):
                    self.known = replace(known, origin=Origin(remote.name))
                return
        self.known = replace(known, origin=Origin.WKD)

    def _is_vouched(self) -> bool:
        return isinstance(self.known, Found) and self.known.origin is Origin.AUTHORITY

    async def _look_again(self, known: Found, remote: CachedSource) -> None:
        """A fetched certificate: from memory as long as that counts, then from its source."""
        wanted = _named(known.certificate, self.address)
        self.known = replace(known, source=remote.name, method=await remote.memory.method(wanted))
        now, begun = time.time(), time.monotonic()
        try:
            answer = await asyncio.wait_for(remote.lookup(wanted, owner=self.owner), self.patience)
        except TimeoutError:
            late = Outage(remote.name, TOO_SLOW_NOW)
            self.reports.append(SourceReport(remote.name, late, now, now, self.patience))
            return
        self.reports.append(SourceReport(remote.name, answer.lookup, answer.asked, now, time.monotonic() - begun))
        match answer.lookup:
            case Unusable(fingerprint=fingerprint) if fingerprint == known.certificate.fingerprint:
                self.known = answer.lookup
            case Found() as found if isinstance(judged := await self._judged(found, wanted), Found):
                self.known = judged
            case Found() | Unusable():
                again = await self.local.keyring.lookup(self.address)
                self.known = again if not isinstance(again, Found) else self.known
            case _:
                pass

    async def _look_further(self) -> None:
        for remote in self.remotes:
            excused = remote.name in self.excused
            asked = await ask(remote, self.address, Refresh.WHEN_STALE, self.owner, excused=excused)
            self.reports.append(asked.report)
            self._fingerprints |= dict.fromkeys(asked.fingerprints, remote.name)
            match asked.report.lookup:
                case Found() as found:
                    judged = await self._judged(found, asked.address)
                    self.reports[-1] = replace(asked.report, judged=judged)
                    if isinstance(judged, Found):
                        self.known = judged
                        return
                    self._note(judged)
                case Unusable() as unusable:
                    self._note(unusable)
                case Outage() as outage if not (excused and remote.excusable(outage)):
                    self._note(outage)
                    return
                case _:
                    pass

    def _note(self, news: Lookup) -> None:
        """Remember a key that must not be used: it is reported rather than a later answer."""
        if not isinstance(self.known, Unusable) and not isinstance(news, NotFound):
            self.known = news

    async def _judged(self, found: Found, address: Address) -> Lookup:
        """As the store has it now: merged, perhaps weak, perhaps only proposed (then nothing new is known)."""
        fingerprint = found.certificate.fingerprint
        entry = await self.local.certificates.by_fingerprint(fingerprint)
        if entry is None:  # a person rejected it: that is not "no key"
            return Unusable(Why.DISABLED, fingerprint, found.origin, found.source, found.method)
        if self.local.listed and (entry.proposed or entry.origin is not Origin.IMPORTED):
            beside = await self.local.keyring.lookup(address)
            if isinstance(beside, Found) and beside.origin is Origin.IMPORTED:
                return beside
            if await self.local.merge_policy.guard(address, entry.certificate):
                return NotFound(found.source, found.method)
        judged = self.local.keyring.judge([entry], address)
        return replace(judged, source=found.source, method=found.method)

    async def _kept(self) -> Lookup:
        """No source has a key. What stands in the store for the address counts all the same: it is not "no key"."""
        for wanted in filter(None, (self.address, self.address.untagged)):
            known = await self.local.certificates.by_address(wanted)
            if entries := [e for e in known if e.origin is not Origin.HARVESTED and not e.suggested]:
                return await self._of_kept(entries, wanted)
        for fingerprint, source in self._fingerprints.items():
            if await self.local.certificates.is_rejected(fingerprint):
                return Unusable(Why.DISABLED, fingerprint, Origin(source), source)
        return self.known

    async def _of_kept(self, entries: Sequence[Entry], address: Address) -> Found | Unusable:
        counted = [entry for entry in entries if self.local.listed or self._was_fetched(entry)]
        for entry in counted:
            if entry.proposed:  # and nothing imported stands before it any more
                await self.local.merge_policy.keep(entry.certificate, entry.origin, address)
        if counted:
            return self.local.keyring.judge(counted, address)
        certificate = entries[0].certificate
        name = self.local.keyring.name
        return Unusable(Why.UNLISTED, certificate.fingerprint, Origin.IMPORTED, name, name, certificate.expires)

    def _was_fetched(self, entry: Entry) -> bool:
        return entry.origin is not Origin.IMPORTED or entry.certificate.fingerprint in self._fingerprints

    async def _must_wait(self, known: Found) -> bool:
        return await self.local.merge_policy.guard(_named(known.certificate, self.address), known.certificate)


def _named(certificate: Certificate, address: Address) -> Address:
    """The address as the certificate has it: this one, or without its tag."""
    untagged = address.untagged
    return untagged if untagged and address not in certificate.addresses else address
