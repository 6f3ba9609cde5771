"""What this process remembers of certificates by address; see `relay.store.certificates`.

An answer is kept for the state of the store that it was read from: token and rows are read in one statement, and
`relay.store.state_tokens` says which state is the latest. Where that fails the caller gets the `StoreError`, never an
old answer.
"""

from __future__ import annotations

from collections import OrderedDict

from relay.model import Entry
from relay.store import certificate_queries
from relay.store.database import Database
from relay.store.state_tokens import StateTokens

LARGEST = 10_000
"""Addresses remembered; a few kilobytes each."""


class Cache:
    """Certificates by address; forgotten when the store changes."""

    def __init__(self, database: Database, tokens: StateTokens) -> None:
        self._database = database
        self._tokens = tokens
        self._answers: OrderedDict[str, tuple[Entry, ...]] = OrderedDict()
        self._token: bytes | None = None

    async def get(self, address: str) -> tuple[Entry, ...]:
        """The certificates with this address key."""
        token = await self._tokens.of(certificate_queries.TOKEN)
        if token != self._token:
            self._answers.clear()
            self._token = token
        answer = self._answers.get(address)
        if answer is not None:
            self._answers.move_to_end(address)
            return answer
        return await self._load(address)

    async def _load(self, address: str) -> tuple[Entry, ...]:
        token, answer = await self._database.read(lambda c: certificate_queries.by_address(c, address))
        if token == self._token:
            self._answers[address] = answer
            if len(self._answers) > LARGEST:
                self._answers.popitem(last=False)
        return answer
