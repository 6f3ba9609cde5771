"""What one message holds of the server's memory, from its first octet to its answer.

A small message takes memory from the budget as it arrives, and is refused where the budget is used up. When it becomes
large, it takes all that it will need at once, from the room for large messages: the size that MAIL declared (RFC 1870),
or as much as any message may have. While it waits for that, nothing more of it is read. A message that is larger than
it declared takes more as it arrives, and is refused if there is none: it must not wait, because it holds memory
already.
"""

from __future__ import annotations

from collections.abc import Callable

from relay.process.budget import Budget
from relay.process.room import Room
from relay.process.small_first import LARGE
from relay.smtp.bounds import Bounds

STEP = 64 * 1024
"""Octets that a message larger than declared takes at a time: Postfix breaks long lines as it sends them."""


class MemoryShare:
    """The memory that one message in receipt takes of all messages' budget, in octets."""

    def __init__(
        self,
        budget: Budget,
        room: Room,
        bounds: Bounds,
        declared: int = 0,
        waits: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`waits` is called when the message begins to wait, with the octets that it waits for."""
        self._waits = waits
        self._lease = budget.lease()
        self._room = room
        self._bounds = bounds
        self._declared = declared
        self._taken = 0

    def could_begin(self) -> bool:
        """Whether its receipt may begin: there is memory for it, or it is large and may wait for some."""
        return self._declared >= LARGE or self._lease.has_room(self._declared)

    async def cover(self, octets: int, *, whole: bool) -> bool:
        """Hold memory for `octets` of it, which are all of it (`whole`) or not; False where there is none."""
        if octets <= self._taken:
            return True
        if octets < LARGE:
            return self._lease.cover(octets)
        self._lease.release()  # small messages are not refused because large ones wait
        wanted = octets if whole else self._expected(octets)
        if self._taken:
            covered = self._room.take_now(wanted - self._taken)
        else:
            covered = self._room.take_now(wanted) or await self._wait_for(wanted)
        self._taken = wanted if covered else self._taken
        return covered

    async def _wait_for(self, octets: int) -> bool:
        if octets <= self._room.octets:
            self._waits(octets)
        return await self._room.take(octets, self._bounds.patience)

    def _expected(self, octets: int) -> int:
        most = max(octets, self._bounds.max_message_size)
        if self._taken:
            return min(octets + STEP, most)
        return self._declared if self._declared >= octets else most

    def trim(self, octets: int) -> None:
        """The whole message has come: keep room for `octets`, and give the rest back."""
        if self._taken > octets:
            self._room.give_back(self._taken - octets)
            self._taken = octets

    def release(self) -> None:
        """Give everything back; more than once does no harm."""
        self._lease.release()
        self.trim(0)
