"""The trace: a row for every decision, in a hash chain (`relay.store.hash_chain`) that all processes of a node extend.

Rows are on disk when `write` returns; concurrent callers share a commit. Retention deletes rows from the beginning of a
chain and leaves an anchor: the number and hash of the last one deleted. If several nodes share a database, rows of all
their chains are returned together, in the order of their times.

Raises `StoreError`.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Row,
    select,
)

from relay.model import Record
from relay.store import chain_statement, chain_witness, hash_chain, row_hash, trace_figures, trace_rows, verification
from relay.store.batch import WriteBatch
from relay.store.database import Database
from relay.store.hash_chain import Link, Logged
from relay.store.schema import trace
from relay.store.trace_figures import Sum
from relay.store.trace_rows import Selection, page
from relay.store.verification import ChainVerdict, Verdict


class Trace:
    """Writes, reads, checks and prunes the trace; `chain` is the name of this node's."""

    def __init__(self, database: Database, batch: WriteBatch, chain: str = "") -> None:
        self._database = database
        self._batch = batch
        self._chain = chain
        self._append = partial(hash_chain.append, name=chain)  # one, for all that it is given shares a commit
        self._part = partial(chain_statement.append, name=chain)

    async def write(self, records: Sequence[Record]) -> None:
        """Append; on disk when it returns."""
        await self._batch.add(self._append, records, self._part)

    async def head(self) -> Link:
        """The newest row's number and hash, of this node's chain."""
        return (await self._database.read(partial(hash_chain.ends, name=self._chain))).head

    async def logged(self) -> Logged:
        """The same, for the log."""
        return Logged(await self.head(), self._chain)

    async def last_numbers(self) -> dict[str, int]:
        """How many rows each chain has had, by its name."""
        found = await self._database.read(hash_chain.all_ends)
        return {name: ends.head.number for name, ends in found.items()}

    async def note_others(self, now: float) -> None:
        """Note the newest rows of the other chains in this node's chain."""
        others = await self._database.read(hash_chain.all_ends)
        rows = [
            Record(now, "", "", "", "", "", hash_chain.NOTED, "", str(Logged(ends.head, name)), "", "", "", 0)
            for name, ends in others.items()
            if name != self._chain and name and ends.head.number
        ]
        if rows:
            await self.write(rows)

    async def select(self, wanted: Selection | None = None) -> AsyncIterator[Record]:
        """Those that match, oldest first. Read page by page: no lock is held meanwhile."""
        wanted = wanted or Selection()
        chains = await self._database.read(hash_chain.names)
        rows = merged([self._pages(name, wanted) for name in chains])
        if wanted.newest is None or len(chains) == 1:
            async for row in rows:
                yield row_hash.record(row)
            return
        newest = deque([row async for row in rows], maxlen=wanted.newest)
        for row in newest:
            yield row_hash.record(row)

    async def newer(self, wanted: Selection, than: Mapping[str, int]) -> tuple[list[Record], dict[str, int]]:
        """Those that match and were written since chains had so many rows (`last_numbers`); how many they have now."""
        now, found = await self.last_numbers(), list[Record]()
        for name, last in now.items():
            statement = trace_rows.ALL.where(
                *trace_rows.matching(wanted), trace.c.chain == name, trace.c.number <= last
            )
            after = than.get(name, 0)
            while after < last and (rows := await self._database.read(partial(page, wanted=statement, after=after))):
                found += map(row_hash.record, rows)
                after = rows[-1].number
        return sorted(found, key=attrgetter("time")), now

    async def _pages(self, name: str, wanted: Selection) -> AsyncIterator[Row[Any]]:
        """The rows of one chain that match."""
        statement = trace_rows.of_chain(name, wanted)
        after = await self._before_newest(name, wanted) if wanted.newest else 0
        while rows := await self._database.read(partial(page, wanted=statement, after=after)):
            for row in rows:
                yield row
            after = rows[-1].number

    async def _before_newest(self, name: str, wanted: Selection) -> int:
        """The number of the row before the first of the newest that match."""
        # Numbers begin at 1. Told so, SQLite takes the index of key changes, and else reads the chain.
        matching = (*trace_rows.matching(wanted), trace.c.chain == name, trace.c.number > 0)
        first = select(trace.c.number).where(*matching).order_by(trace.c.number.desc())
        statement = first.offset((wanted.newest or 1) - 1).limit(1)
        number = await self._database.read(lambda c: c.execute(statement).scalar_one_or_none())
        return 0 if number is None else number - 1

    async def summary(self, wanted: Selection | None = None) -> list[Sum]:
        """How many mails had which decision, by rule, recipient's domain and whether it was in shadow mode.

        A mail that came several times (one that is held) counts once for each decision.
        """
        return await self._database.read(partial(trace_figures.summary, wanted=wanted or Selection()))

    async def histogram(self, since: float, until: float, width: float) -> dict[int, Counter[tuple[str, str]]]:
        """Decisions in this time, by action and rule, in bars of so many seconds; the first bar is 0."""
        return await self._database.read(partial(trace_figures.histogram, since=since, until=until, width=width))

    async def held(self, since: float, tried: float = 0.0) -> list[tuple[float, Record]]:
        """The mails whose last decision for a recipient is `hold`: when each was held first, and its last row.

        Those that were held first at `since` or later and last at `tried` or later, oldest first. A mail is known by
        its queue id and Message-ID.
        """
        return await self._database.read(partial(trace_rows.held, since=since, tried=tried))

    async def verify(self, logged: Logged | None = None) -> Verdict:
        """Check each chain from its anchor to its head; `logged` is a link taken from the log."""
        found: list[ChainVerdict] = []
        noted: list[tuple[str, Logged]] = [("the log", logged)] if logged else []
        names = set(await self._database.read(verification.names))
        if self._chain or not names:  # a file that was copied from a server has the chains of its nodes, and no other
            names.add(self._chain)
        for name in sorted(names):
            walk = await self._walked(name)
            found.append(walk.verdict)
            noted += [(f"the chain of {name}", each) for each in walk.noted]
        for witness, each in noted:
            comparing = partial(chain_witness.compared, found=found, logged=each, witness=witness)
            found = await self._database.read(comparing)
        return Verdict(tuple(found), self._chain)

    async def _walked(self, name: str) -> verification.ChainVerifier:
        rows = trace_rows.ALL.where(trace.c.chain == name)
        reading = partial(verification.extent, name=name)
        while True:
            extent = await self._database.read(reading)
            walk = verification.ChainVerifier(name, extent)
            while walk.more:
                walk.check(await self._database.read(partial(page, wanted=rows, after=walk.link.number)))
            if walk.verdict.holds or (await self._database.read(reading)).anchor == extent.anchor:
                return walk  # else retention deleted rows meanwhile

    async def prune(self, before: float, *, now: float) -> int:
        """Delete the rows from before this time, up to the first younger one; return how many. Times: epoch seconds.

        A row that claims to be younger than `now` was written by a clock ahead: it is deleted with an old row that
        comes after it, since rows of a chain stand in the order in which they were written.
        """
        return sum([await self._prune(name, before, now) for name in await self._database.read(hash_chain.names)])

    async def _prune(self, name: str, before: float, now: float) -> int:
        deleted = 0
        end: int | None = (await self._database.read(partial(hash_chain.ends, name=name))).anchor.number
        while end is not None:
            looking = partial(trace_rows.look_for_old, name=name, after=end, before=before, now=now)
            old = await self._database.read(looking)
            if old.last is not None:
                deleted += await self._delete(name, old.last)
            end = old.end
        return deleted

    async def _delete(self, name: str, last: int) -> int:
        deleted = 0
        while count := await self._database.write(partial(trace_rows.delete_page, name=name, last=last)):
            deleted += count
        return deleted


async def merged(chains: Sequence[AsyncIterator[Row[Any]]]) -> AsyncIterator[Row[Any]]:
    """Rows of several chains by their time; those of one chain stay in their order."""
    heads = [(row.time, at, row) for at, rows in enumerate(chains) if (row := await anext(rows, None)) is not None]
    heapq.heapify(heads)
    while heads:
        _, at, row = heads[0]
        yield row
        following = await anext(chains[at], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following.time, at, following))
