"""The tokens of tables, which change with every change of a table, as this process last read them.

What is remembered of a table counts for the token that it was read with. A message begins with a look at the ledger,
which reads all tokens too (`found`): so a key that was imported, revoked, bound or removed by any process before the
message came counts for it. `renew` reads them where that has not happened since. Without either a token is at most
`FRESH_SECONDS` old. Where tokens cannot be read, whoever asks next reads again or gets the `StoreError`, never an old
answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, select

from relay.store.database import Database
from relay.store.prepared import Prepared
from relay.store.schema import state

FRESH_SECONDS = 0.25
_ALL = Prepared(select(state.c.name, state.c.value))


class StateTokens:
    """Shared by all that remember rows of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tokens: Mapping[str, bytes] = MappingProxyType({})
        self._asked = float("-inf")
        self._changed = float("-inf")
        self._asking = asyncio.Lock()

    async def of(self, table: str) -> bytes | None:
        """The token of this table, `FRESH_SECONDS` old at most; None: nothing was ever stored."""
        await self._read_since(max(time.monotonic() - FRESH_SECONDS, self._changed))
        return self._tokens.get(table)

    async def renew(self, since: float | None = None) -> None:
        """Read the tokens, unless they were read after `since` (None: now): what was committed before then counts."""
        await self._read_since(time.monotonic() if since is None else since)

    def found(self, tokens: Mapping[str, bytes], begun: float) -> None:
        """Take the tokens that another query has read, which began at `begun` (`time.monotonic`)."""
        if begun > self._asked:
            self._tokens, self._asked = tokens, begun

    def forget(self) -> None:
        """Read again before the next answer: this process changed a table."""
        self._changed = time.monotonic()

    async def _read_since(self, moment: float) -> None:
        if self._asked >= moment:
            return
        async with self._asking:  # one query for all who wait
            if self._asked < moment:
                begun = time.monotonic()
                self.found(await self._database.read(tokens), begun)


def tokens(connection: Connection) -> Mapping[str, bytes]:
    """All of them, by the name of their table."""
    return dict(_ALL.run(connection))
