"""All recipients of a message at once, through the store and the sources in their order.

- The store is looked into first, as it is when the message asks: a key that any process imported, revoked, removed or
  bound before that counts. A usable certificate that an administrator imported is always used, and one that must not be
  used is never replaced by another. What sources brought counts from the store; once it is older than
  `lookup.cache.found` its source is asked again, for `REFRESH` seconds at most: while a source is down, slow or without
  the key, the stored certificate stays in use.
- An imported certificate of the exact address decides; else a binding that covers the address (`relay.keys.bound`), and
  then no source is asked.
- Found ends the search, NotFound goes on to the next source, an outage ends it: an outage is never "no key", unless a
  rule excuses it for this source. No rule excuses a fault of this relay's own.
- A certificate that must not be used never becomes "no key" or an outage: what is known of it is the answer at once.
  Further sources may bring the same certificate renewed, or, where none was imported, another one.
- NotFound is answered only for an address that stands in no certificate of the store (`relay.keys.search`).
- The exact address comes before the one without its `+tag`, at each source.

One deadline holds for all addresses of a message. A lookup that has no answer by then is an outage, unless something is
known already; lookups for which other messages wait go on. `find_all` never raises `StoreError`: a store that cannot be
read is an outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from relay.keys.asking import SourceReport, ask
from relay.keys.cache import CachedSource
from relay.keys.cached_answers import Refresh
from relay.keys.local_store import LocalStore
from relay.keys.search import Search
from relay.model import Address, Found, Lookup, Origin, Outage, Unusable
from relay.model.errors import StoreError

TOO_SLOW = "no answer within the message's deadline"
REFRESH = 2.0
LOCAL_AT_ONCE = 50
"""Searches of one message that read the store at a time: those of other messages do not wait behind ten thousand."""


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

    async def find_all(
        self, wanted: Mapping[Address, frozenset[str]], since: float | None = None
    ) -> dict[Address, Lookup]:
        """The answer for each address; the value names the sources whose outage a rule excuses.

        What was stored before `since` counts, a moment of `time.monotonic`; None: before this call.
        """
        if not wanted:
            return {}
        return {address: answer for address, (answer, _) in (await self._find_all(wanted, since)).items()}

    async def explain(self, address: Address, excused: frozenset[str]) -> tuple[Lookup, list[SourceReport]]:
        """As `find_all` for one address, and what each source answered that was asked, in that order."""
        return (await self._find_all({address: excused}))[address]

    async def ask_each(self, address: Address, refresh: Refresh = Refresh.WHEN_STALE) -> list[SourceReport]:
        """What each source answers, one after the other and none left out."""
        local = [await self._local.report(address)] if self._local.listed else []
        if bound := await self._local.bound(address):
            local.append(bound)
        return local + [(await ask(remote, address, refresh, object())).report for remote in self._remotes]

    async def close(self) -> None:
        """Cancel what is under way, and release connections."""
        for remote in self._remotes:
            await remote.close()
        if self._close:
            await self._close()

    async def _find_all(
        self, wanted: Mapping[Address, frozenset[str]], since: float | None = None
    ) -> dict[Address, tuple[Lookup, list[SourceReport]]]:
        try:
            async with asyncio.timeout(self._timeout):
                await self._local.state.renew(since)
        except (StoreError, TimeoutError) as error:
            unread = Outage(self._local.keyring.name, str(error) or TOO_SLOW)
            return {address: (unread, []) for address in wanted}
        message = object()
        searches = {
            address: Search(self._local, self._remotes, address, excused, message, self._refresh)
            for address, excused in wanted.items()
        }
        turns = asyncio.Semaphore(LOCAL_AT_ONCE)
        found = await (_one if len(searches) == 1 else _together)(list(searches.values()), turns, self._timeout)
        return {
            address: (answer or _so_far(search), search.reports)
            for (address, search), answer in zip(searches.items(), found, strict=True)
        }


async def _one(searches: Sequence[Search], turns: asyncio.Semaphore, seconds: float) -> list[Lookup | None]:
    """The answer; None where it does not come in time. Without a task: most mails have one recipient."""
    try:
        async with asyncio.timeout(seconds):
            return [await searches[0].run(turns)]
    except TimeoutError:
        return [None]


async def _together(searches: Sequence[Search], turns: asyncio.Semaphore, seconds: float) -> list[Lookup | None]:
    """The same for several, which are searched for at the same time."""
    tasks = [asyncio.create_task(search.run(turns)) for search in searches]
    try:
        await asyncio.wait(tasks, timeout=seconds)
    finally:
        for task in tasks:
            task.cancel()
    return [task.result() if task.done() and not task.cancelled() else None for task in tasks]


def _so_far(search: Search) -> Lookup:
    """The answer from what is known at the deadline."""
    known = search.so_far if search.fallback is None or search.fallback.origin is Origin.VKS else search.known
    return known if isinstance(known, Found | Unusable) else Outage("lookup", TOO_SLOW)
