"""A budget of memory, in octets, that all mails share."""

from __future__ import annotations

from typing import Self


class Budget:
    """A number of octets, shared by all leases; `free` are those not leased."""

    def __init__(self, octets: int) -> None:
        self.free = octets

    def lease(self) -> Lease:
        """For one mail; it holds nothing at first."""
        return Lease(self)


class Lease:
    """What one mail holds of a budget. As a context manager it gives everything back at the end."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def has_room(self, octets: int) -> bool:
        """Whether so many octets are free now. None are leased: a mail that is only announced takes no memory."""
        return octets <= self._budget.free

    def cover(self, octets: int) -> bool:
        """Hold at least so many in all; False where there is no room for them, and then nothing changes."""
        return octets <= self._held or self.take(octets - self._held)

    def take(self, octets: int) -> bool:
        """Hold so many more; False where there is no room for them, and then nothing changes."""
        if not self.has_room(octets):
            return False
        self._budget.free -= octets
        self._held += octets
        return True

    def release(self) -> None:
        """Give everything back; more than once does no harm."""
        self._budget.free += self._held
        self._held = 0
