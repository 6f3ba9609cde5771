"""What this process remembers of certificates by address; see `relay.store.certificates`.

An answer is kept with the token of the state that it was read from; token and rows are read in one statement. For
`FRESH_SECONDS` after the token was last read, answers come from memory; then the token is read again. Where that
fails the caller gets the `StoreError`, never an old answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from relay.model import Entry
from relay.store import rows
from relay.store.database import Database

FRESH_SECONDS = 0.25
LARGEST = 10_000
"""Addresses remembered; a few kilobytes each."""


class Cache:
    """Certificates by address; forgotten when the store changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answers: OrderedDict[str, tuple[Entry, ...]] = OrderedDict()
        self._token: bytes | None = None
        self._seen = float("-inf")
        self._looking = asyncio.Lock()

    async def get(self, address: str) -> tuple[Entry, ...]:
        """The certificates with this address key, at most `FRESH_SECONDS` old."""
        if not self._fresh():
            async with self._looking:  # one query for all who wait
                if not self._fresh():
                    await self._look()
        answer = self._answers.get(address)
        if answer is not None:
            self._answers.move_to_end(address)
            return answer
        return await self._load(address)

    def clear(self) -> None:
        """Forget everything: this process changed the store."""
        self._answers.clear()
        self._seen = float("-inf")

    def _fresh(self) -> bool:
        return time.monotonic() - self._seen < FRESH_SECONDS

    async def _look(self) -> None:
        asked = time.monotonic()
        self._adopt(await self._database.read(rows.token), asked)

    async def _load(self, address: str) -> tuple[Entry, ...]:
        asked = time.monotonic()
        token, answer = await self._database.read(lambda c: rows.by_address(c, address))
        self._adopt(token, asked)
        self._answers[address] = answer
        if len(self._answers) > LARGEST:
            self._answers.popitem(last=False)
        return answer

    def _adopt(self, token: bytes | None, asked: float) -> None:
        if token != self._token:
            self._answers.clear()
            self._token = token
        self._seen = max(self._seen, asked)
