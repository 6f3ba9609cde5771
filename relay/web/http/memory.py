"""Octets of memory for large bodies, which all clients share.

One client has a part at most, and so have the bodies that are sent to one path. What many are sent at a time is in
memory once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from relay.process import budget

Load = Callable[[], Awaitable[bytes | None]]
"""Reads the octets of a copy; None where they are gone."""


@dataclass(slots=True)
class Copy:
    """Octets that several requests send at a time."""

    held: budget.Lease
    users: int = 0
    _octets: bytes | None = None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, load: Load) -> bytes | None:
        """Return the octets. `load` is called unless another request has read them."""
        async with self._reading:
            if self._octets is None:
                self._octets = await load()
            return self._octets


class Memory:
    """`lease` for each request."""

    def __init__(self, octets: int, of_one: int) -> None:
        self.shared = budget.Budget(octets)
        self.of_one = of_one
        self.parts: Counter[str] = Counter()
        """What each client, and each path, holds now."""
        self._copies: dict[str, Copy] = {}

    def lease(self) -> Lease:
        """For one request; it holds nothing at first."""
        return Lease(self)

    def join(self, name: str, octets: int) -> Copy | None:
        """The copy of this name, for one more request; None where it has to be made and there is no room for it."""
        found = self._copies.get(name)
        if found is None:
            held = self.shared.lease()
            if not held.take(octets):
                return None
            found = self._copies[name] = Copy(held)
        found.users += 1
        return found

    def leave(self, name: str) -> None:
        """One request needs this copy no more; the last one gives its memory back."""
        copy = self._copies[name]
        copy.users -= 1
        if not copy.users:
            del self._copies[name]
            copy.held.release()


class Lease:
    """What one request holds. As a context manager it gives everything back at the end."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._shared = memory.shared.lease()
        self._parts: Counter[str] = Counter()
        self._copies: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shared.release()
        self._memory.parts -= self._parts
        for name in self._copies:
            self._memory.leave(name)

    def take(self, octets: int, *owners: str) -> bool:
        """Hold so many more for these owners; False where there is no room for them, and then nothing changes.

        An empty owner is an unknown client: only the common limit applies.
        """
        if not self._within_parts(octets, owners) or not self._shared.take(octets):
            return False
        self._count(octets, owners)
        return True

    def join(self, name: str, octets: int, owner: str) -> Copy | None:
        """Hold a copy that other requests may hold too: only the first takes memory. None where there is no room."""
        if not self._within_parts(octets, (owner,)):
            return None
        copy = self._memory.join(name, octets)
        if copy:
            self._copies.append(name)
            self._count(octets, (owner,))
        return copy

    def _within_parts(self, octets: int, owners: tuple[str, ...]) -> bool:
        most, parts = self._memory.of_one, self._memory.parts
        return all(parts[owner] + octets <= most for owner in owners if owner)

    def _count(self, octets: int, owners: tuple[str, ...]) -> None:
        for owner in filter(None, owners):
            self._parts[owner] += octets
            self._memory.parts[owner] += octets
