"""Octets of memory for large bodies, which all clients share, and of which one client has a part at most."""

from __future__ import annotations

from collections import Counter
from typing import Self

from relay.process import budget


class Memory:
    """`lease` for each request."""

    def __init__(self, octets: int, of_one_client: int) -> None:
        self.shared = budget.Budget(octets)
        self.of_one_client = of_one_client
        self.clients: Counter[str] = Counter()
        """What each client holds now."""

    def lease(self) -> Lease:
        """For one request; it holds nothing at first."""
        return Lease(self)


class Lease:
    """What one request holds. As a context manager it gives everything back at the end."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._shared = memory.shared.lease()
        self._held: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shared.release()
        self._memory.clients -= self._held

    def take(self, octets: int, client: str) -> bool:
        """Hold so many more for this client; False where there is no room for them, and then nothing changes.

        An empty client is one whom nobody names: it has no part of its own.
        """
        clients = self._memory.clients
        if client and clients[client] + octets > self._memory.of_one_client:
            return False
        if not self._shared.take(octets):
            return False
        if client:
            self._held[client] += octets
            clients[client] += octets
        return True
