"""The recipients already served of transactions that are not finished: `relay.pipeline.ports.Ledger` in the store.

One row a transaction and recipient, shared by all processes, on disk when `record` returns. Rows older than `kept`
seconds do not count and are deleted: Postfix has returned such a mail by then.

Raises `StoreError`: a ledger that cannot be read never means that nobody was served.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from relay.store.batch import Batch, WriteBatch
from relay.store.database import Database
from relay.store.schema import ledger
from relay.store.statements import put

KEPT_SECONDS = 5 * 24 * 3600.0
PRUNED_EVERY = 3600.0

_SERVED = select(ledger.c.digest, ledger.c.recipient).where(
    ledger.c.digest.in_(bindparam("transactions", expanding=True)), ledger.c.recorded > bindparam("after")
)
_ONE = delete(ledger).where(ledger.c.digest == bindparam("transaction"), ledger.c.recipient == bindparam("named"))
_PUT = put(ledger)
_OLD = delete(ledger).where(ledger.c.recorded <= bindparam("before"))


class _Line(NamedTuple):
    transaction: bytes
    recipient: str
    served: bool
    """False: delete the row."""


class StoredLedger:
    """Implements `relay.pipeline.ports.Ledger`."""

    def __init__(
        self, database: Database, batch: WriteBatch, clock: Callable[[], float] = time.time, kept: float = KEPT_SECONDS
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept
        self._pruned = float("-inf")
        self._batch = batch
        self._asked: Batch[bytes, frozenset[str]] = Batch(self._served)

    async def served(self, transaction: bytes) -> frozenset[str]:
        """The recipients already served; concurrent callers share one query."""
        return await self._asked.do(transaction)

    async def record(self, transaction: bytes, recipients: Sequence[str]) -> None:
        """Write down that these are served; on disk when it returns."""
        await self._batch.add(self._write, [_Line(transaction, recipient, served=True) for recipient in recipients])

    async def forget(self, transaction: bytes, recipients: Sequence[str]) -> None:
        """They have had their final answer."""
        await self._batch.add(self._write, [_Line(transaction, recipient, served=False) for recipient in recipients])

    async def _served(self, transactions: Sequence[bytes]) -> list[frozenset[str]]:
        values = {"transactions": transactions, "after": self._clock() - self._kept}
        found: defaultdict[bytes, set[str]] = defaultdict(set)
        for digest, recipient in await self._database.read(lambda c: c.execute(_SERVED, values).all()):
            found[bytes(digest)].add(recipient)
        return [frozenset(found[transaction]) for transaction in transactions]

    def _write(self, connection: Connection, lines: Sequence[_Line]) -> None:
        last = {(line.transaction, line.recipient): line.served for line in lines}
        over = [{"transaction": d, "named": r} for (d, r), is_served in last.items() if not is_served]
        now = self._clock()
        served = [{"digest": d, "recipient": r, "recorded": now} for (d, r), is_served in last.items() if is_served]
        if over:
            connection.execute(_ONE, over)
        if served:
            connection.execute(_PUT, served)
        if now - self._pruned >= PRUNED_EVERY:
            connection.execute(_OLD, {"before": now - self._kept})
            self._pruned = now
