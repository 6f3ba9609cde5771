"""Limits the keys mailed by strangers: how many are judged in an hour, and how many wait at the same time.

Limits are for an address, a domain and in all, so that nobody uses up what others need. A key that is refused is not
read or stored. Each process counts for itself. Raises nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from relay.model import Address
from relay.model.enrolment import Budget, Fate

HOUR = 3600.0

T = TypeVar("T")


class Places:
    """Places that are taken and given back: so many for an address, for a domain, and in all."""

    def __init__(self, most: Budget) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    def enter(self, address: Address) -> bool:
        """Take a place; False where there is none for this address. Whoever took one calls `leave`."""
        bounds = (self._most.address, self._most.domain, self._most.all)
        if any(self._taken[name] >= bound for name, bound in zip(_names(address), bounds, strict=True)):
            return False
        self._taken.update(_names(address))
        return True

    def leave(self, address: Address) -> None:
        """Give the place of one key back, so that another one may be judged."""
        for name in _names(address):
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


class HourlyLimit:
    """How many keys may be judged in any hour: of an address, of a domain, and in all."""

    def __init__(self, most: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = Places(most)
        self._clock = clock
        self._admitted: deque[tuple[float, Address]] = deque()

    def admits(self, address: Address) -> bool:
        """Whether one more key of this address may be judged now; if so, it is counted for an hour."""
        now = self._clock()
        while self._admitted and self._admitted[0][0] <= now - HOUR:
            self._places.leave(self._admitted.popleft()[1])
        if not self._places.enter(address):
            return False
        self._admitted.append((now, address))
        return True


class JudgingLimits:
    """Has keys judged one after the other, within an hourly limit and a number of places for those that wait."""

    def __init__(self, hourly: HourlyLimit, places: Places) -> None:
        self._hourly = hourly
        self._places = places
        self._turn = asyncio.Lock()

    async def judged(self, address: Address, judge: Callable[[], Awaitable[T]]) -> T | Fate:
        """Return or raise what `judge` does. `BUSY` or `BUDGET`: a limit is reached, and `judge` was not called."""
        if not self._places.enter(address):
            return Fate.BUSY
        try:
            async with self._turn:
                return await judge() if self._hourly.admits(address) else Fate.BUDGET
        finally:
            self._places.leave(address)


def _names(address: Address) -> tuple[str, str, str]:
    """The names under which it is counted: its address, its domain (which has no @), and all."""
    return address.key, address.domain, ""
