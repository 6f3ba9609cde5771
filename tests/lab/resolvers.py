"""A resolver over a real store and sources in memory, with a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.sources import NOW, Directory, Notary, narrow, read
from relay.daemon.jobs.key_refresh import KeyRefresh
from relay.keys.bound import BoundKeys
from relay.keys.cache import CachedSource, Limits
from relay.keys.cached_answers import Lifetimes
from relay.keys.keyring import Keyring
from relay.keys.learning_examiner import LearningExaminer
from relay.keys.local_store import LocalStore
from relay.keys.merge_policy import MergePolicy
from relay.keys.resolver import Resolver
from relay.keys.source_memory import CacheStore
from relay.model import Address, Entry, Lookup, Origin
from relay.store import Store

DOWN = "the whole domain is down"
DEFAULT = Lifetimes()
ODD = "this one answer is odd"
OURS = "a fault of our own"
PLACES = 250
"""Fetches at a time: one message may have half of them."""


@dataclass
class Bench:
    """What a test has in hand."""

    store: Store
    ldap: Directory
    wkd: Directory
    notary: Notary
    resolver: Resolver
    key_refresh: KeyRefresh
    time: float = NOW

    async def find(self, address: str, *excused: str) -> Lookup:
        wanted = Address(address)
        return (await self.resolver.find_all({wanted: frozenset(excused)}))[wanted]

    async def imported(self, *keys: bytes) -> None:
        await self.store.certificates.upsert([Entry(read(k), Origin.IMPORTED, int(self.time)) for k in keys])

    async def entries(self, address: str) -> dict[str, Entry]:
        found = await self.store.certificates.by_address(Address(address))
        return {entry.certificate.fingerprint: entry for entry in found}

    def later(self, seconds: float) -> None:
        self.time += seconds
        self.ldap.now = self.wkd.now = self.time


@asynccontextmanager
async def bench(  # noqa: PLR0913  each is one thing a test may want otherwise
    folder: Path,
    *,
    order: tuple[str, ...] = ("ldap", "wkd"),
    listed: bool = True,
    lifetimes: Lifetimes = DEFAULT,
    timeout: float = 60.0,  # noqa: ASYNC109  the chain's own
    refuse_weak: bool = False,
) -> AsyncIterator[Bench]:
    """Everything, on a store in this folder (one that is there is opened again)."""
    made: list[Bench] = []

    def clock() -> float:
        return made[0].time if made else NOW

    async with await Store.open(folder / "store.db", clock=clock) as store:
        notary = Notary()
        merge_policy = MergePolicy(store.certificates, notary, clock, narrow, imported_first=listed)
        learning = LearningExaminer(notary, merge_policy)
        directories = {name: Directory(name, learning) for name in ("ldap", "wkd")}
        cache = CacheStore(store.answers, store.certificates, merge_policy, lifetimes, clock)
        limits = Limits(lambda a: f"@{a.domain}", PLACES, PLACES, frozenset({DOWN, ODD}), frozenset({DOWN}))
        remotes = [CachedSource(directories[name], cache, limits) for name in order]
        keyring = Keyring(store.certificates, refuse_weak=refuse_weak, imported=listed, clock=clock)
        bound = BoundKeys(store.bindings, store.certificates, keyring)
        local = LocalStore(keyring, store.certificates, merge_policy, bound, store.tokens, listed)
        resolver = Resolver(local, remotes, timeout)
        key_refresh = KeyRefresh(remotes, store.answers, store.leases, lifetimes, clock)
        made.append(Bench(store, directories["ldap"], directories["wkd"], notary, resolver, key_refresh))
        try:
            yield made[0]
        finally:
            await resolver.close()
