"""Room for large mails: octets of memory that they share, for which they wait in turn.

Promises that no mail waits for ever: a mail takes all that it will need at once and holds nothing while it waits, so no
two mails wait for each other; mails are served in the order of arrival, whatever their size. A mail that needs more
than all of the room is refused at once.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """Octets of memory that large mails share; `free` of them are not taken."""

    def __init__(self, octets: int) -> None:
        self.octets = octets
        self.free = octets
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """The number of mails that wait for room now."""
        return len(self._waiting)

    def take_now(self, octets: int) -> bool:
        """Take octets without waiting; False where too few are free, or other mails wait."""
        if self._waiting or octets > self.free:
            return False
        self.free -= octets
        return True

    async def take(self, octets: int, seconds: float) -> bool:
        """Take octets, after waiting for `seconds` at most; False where they were not free by then."""
        if self.take_now(octets):
            return True
        if octets > self.octets:
            return False
        place = octets, asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await asyncio.wait((place[1],), timeout=seconds)
        except asyncio.CancelledError:
            self._leave(place)
            if place[1].done():
                self.give_back(octets)
            raise
        self._leave(place)
        return place[1].done()

    def give_back(self, octets: int) -> None:
        """Give back octets that were taken, and let those that wait have them."""
        self.free += octets
        self._serve()

    def _leave(self, place: tuple[int, asyncio.Future[None]]) -> None:
        if place in self._waiting:
            self._waiting.remove(place)
            self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.free:
            octets, granted = self._waiting.popleft()
            self.free -= octets
            granted.set_result(None)
