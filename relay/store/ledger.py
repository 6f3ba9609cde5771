"""The recipients already served of transactions that are not finished: `relay.pipeline.ports.Ledger` in the store.

One row a transaction and recipient, shared by all processes, on disk when `record` returns. Rows older than `kept`
seconds do not count and are deleted: Postfix has returned such a mail by then.

Raises `StoreError`: a ledger that cannot be read never means that nobody was served.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, LargeBinary, bindparam, delete, select, type_coerce

from relay.store import state_tokens
from relay.store.batch import Batch, WriteBatch
from relay.store.database import Database
from relay.store.one_statement import Part
from relay.store.prepared import Prepared
from relay.store.schema import ledger
from relay.store.schema_types import as_octets, as_text
from relay.store.state_tokens import StateTokens
from relay.store.statements import put

KEPT_SECONDS = 5 * 24 * 3600.0
PRUNED_EVERY = 3600.0

_ONE = delete(ledger).where(ledger.c.digest == bindparam("transaction"), ledger.c.recipient == bindparam("named"))
_PUT = put(ledger)
_OLD = delete(ledger).where(ledger.c.recorded <= bindparam("before"))
_CHANGE = """recorded AS (
    INSERT INTO ledger (digest, recipient, recorded)
    SELECT digest, recipient, CAST(:recorded AS double precision)
    FROM unnest(CAST(:served AS bytea[]), CAST(:served_recipients AS bytea[])) AS served (digest, recipient)
    ON CONFLICT (digest, recipient) DO UPDATE SET recorded = excluded.recorded),
forgotten AS (
    DELETE FROM ledger
    USING unnest(CAST(:over AS bytea[]), CAST(:over_recipients AS bytea[])) AS gone (digest, recipient)
    WHERE ledger.digest = gone.digest AND ledger.recipient = gone.recipient)"""

_Row = tuple[bytes, str]


@cache
def _served_of(count: int) -> Prepared:
    """The query of who is served, for `count` transactions that are given as `t0`, `t1` and so on."""
    named = ledger.c.digest.in_([bindparam(f"t{at}") for at in range(count)])
    rows = select(ledger.c.digest, type_coerce(ledger.c.recipient, LargeBinary))
    return Prepared(rows.where(named, ledger.c.recorded > bindparam("after")))


def _filled_up(transactions: Sequence[bytes]) -> list[bytes]:
    """Repeat the last one up to a power of two: a statement for each number of them would be kept for ever."""
    size = 1 << (len(transactions) - 1).bit_length()
    return [*transactions, *[transactions[-1]] * (size - len(transactions))]


class _Line(NamedTuple):
    transaction: bytes
    recipient: str
    served: bool
    """False: delete the row."""


class StoredLedger:
    """Which recipients of a mail are served, in the store; implements `relay.pipeline.ports.Ledger`."""

    def __init__(
        self,
        database: Database,
        batch: WriteBatch,
        tokens: StateTokens,
        clock: Callable[[], float] = time.time,
        kept: float = KEPT_SECONDS,
    ) -> None:
        """`tokens` are read with each look at the ledger."""
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._kept = kept
        self._pruned = float("-inf")
        self._batch = batch
        self._asked: Batch[bytes, frozenset[str]] = Batch(self._served)

    def oldest(self) -> float:
        """Rows count that were recorded after this time, in seconds since the epoch."""
        return self._clock() - self._kept

    async def served(self, transaction: bytes) -> frozenset[str]:
        """The recipients already served; concurrent callers share one query."""
        return await self._asked.do(transaction)

    async def record(self, transaction: bytes, recipients: Sequence[str]) -> None:
        """Write down that these are served; on disk when it returns."""
        await self._add([_Line(transaction, recipient, served=True) for recipient in recipients])

    async def forget(self, transaction: bytes, recipients: Sequence[str]) -> None:
        """They have had their final answer."""
        await self._add([_Line(transaction, recipient, served=False) for recipient in recipients])

    async def _served(self, transactions: Sequence[bytes]) -> list[frozenset[str]]:
        named = _filled_up(transactions)
        asked = _served_of(len(named))
        values = {f"t{at}": each for at, each in enumerate(named)} | {"after": self.oldest()}
        begun = time.monotonic()
        rows, tokens = await self._database.read(lambda c: (asked.run(c, values), state_tokens.tokens(c)))
        self._tokens.found(tokens, begun)
        found: defaultdict[bytes, set[str]] = defaultdict(set)
        for digest, recipient in rows:
            found[bytes(digest)].add(as_text(recipient))
        return [frozenset(found[transaction]) for transaction in transactions]

    async def _add(self, lines: Sequence[_Line]) -> None:
        await self._batch.add(self._write, lines, self._part)

    def _write(self, connection: Connection, lines: Sequence[_Line]) -> None:
        served, over = _sorted(lines)
        now = self._clock()
        if over:
            connection.execute(_ONE, [{"transaction": digest, "named": recipient} for digest, recipient in over])
        if served:
            connection.execute(_PUT, [{"digest": d, "recipient": r, "recorded": now} for d, r in served])
        if self._prunes(now):
            connection.execute(_OLD, {"before": self.oldest()})
            self._pruned = now

    def _part(self, lines: Sequence[_Line]) -> Part | None:
        now = self._clock()
        if self._prunes(now):
            return None
        served, over = _sorted(lines)
        values = {"served": _digests(served), "served_recipients": _recipients(served), "recorded": now}
        return Part(_CHANGE, values | {"over": _digests(over), "over_recipients": _recipients(over)})

    def _prunes(self, now: float) -> bool:
        return now - self._pruned >= PRUNED_EVERY


def _sorted(lines: Sequence[_Line]) -> tuple[list[_Row], list[_Row]]:
    """The rows to write, and those to delete; of several lines for one row the last counts."""
    last = {(line.transaction, line.recipient): line.served for line in lines}
    return [row for row, is_served in last.items() if is_served], [row for row, kept in last.items() if not kept]


def _digests(rows: Sequence[_Row]) -> list[bytes]:
    return [digest for digest, _ in rows]


def _recipients(rows: Sequence[_Row]) -> list[bytes]:
    return [as_octets(recipient) for _, recipient in rows]
