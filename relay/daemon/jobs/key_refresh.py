"""Looks keys up again in the background, so that no mail waits for it.

Keys from sources are looked up again before the answer is old and before they expire. Imported keys are looked up too:
the same sources may have a renewed copy or a revocation.

One process at a time does it for all (`relay.store.leases`), `AT_ONCE` lookups at a time, so that mails do not
wait behind it. `relay.keys.merge_policy` merges and stores what was found: nothing is decided here.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from relay.keys.cache import CachedSource
from relay.keys.cached_answers import Lifetimes, Refresh
from relay.model import Address, Origin, Outage
from relay.model.errors import AddressError
from relay.store import Answer, Answers, Due, DueTimes, Leases, Result

DUTY = "upkeep"
AT_ONCE = 2
MOST = 200
"""Addresses of one source in a round."""
LONGEST = 600.0
EARLY = 0.8
"""At this part of an answer's life it is asked for again."""
MARGIN = 3600.0
"""Seconds before its end at which a certificate is asked for once more."""
DAY = 24 * 3600.0
_AGAIN = 10
"""A source that did not answer is not asked for so many times `lookup.cache.unavailable`."""


class KeyRefresh:
    """`round` every `interval` seconds."""

    def __init__(
        self,
        remotes: Sequence[CachedSource],
        answers: Answers,
        leases: Leases,
        lifetimes: Lifetimes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._remotes = tuple(remotes)
        self._answers = answers
        self._leases = leases
        self._lifetimes = lifetimes
        self._clock = clock
        self._free = asyncio.Semaphore(AT_ONCE)
        self._life = lifetimes.found or DAY
        self.interval = max(1.0, min(60.0, self._life / 10))

    async def round(self) -> None:
        """Look up what is due, unless another process does so now."""
        if await self._leases.take(DUTY, LONGEST) is None:
            return
        try:
            async with asyncio.timeout(LONGEST / 2):
                for remote in self._remotes:
                    await self._renew(remote)
        except TimeoutError:
            pass  # the rest is due in the next round
        lives = self._lifetimes
        await self._answers.prune(self._clock() - 2 * max(lives.found, lives.not_found, lives.unavailable, DAY))
        await self._leases.done(DUTY, self.interval / 2)

    async def _renew(self, remote: CachedSource) -> None:
        now = self._clock()
        times = DueTimes(
            now=now,
            answered=now - EARLY * self._life,
            unanswered=now - _AGAIN * self._lifetimes.unavailable,
            ending=now + MARGIN,
            margin=MARGIN,
        )
        due = await self._answers.due(remote.name, times=times, limit=MOST)
        await asyncio.gather(*(self._renew_one(remote, one) for one in due))

    async def _renew_one(self, remote: CachedSource, due: Due) -> None:
        async with self._free:
            try:
                address = Address(due.address)
            except AddressError:
                address = None
            if address is None or address.key != due.address:  # a local part that is not written as it is stored
                await self._answers.put([Answer(remote.name, due.address, self._clock(), Result.NOT_FOUND)])
                return
            heard = await remote.lookup(address, Refresh.TO_RENEW, seen=due.asked)
            if due.origin is Origin.IMPORTED and not isinstance(heard.lookup, Outage):
                await remote.renew(due.fingerprint)
