"""The trace: every decision, chained so that what was altered or taken out shows.

Rows are on disk when `write` returns; callers that wait at the same moment share a commit, and all processes
write one chain. Old rows go by retention, whole from the beginning, and leave an anchor behind.

Raises `StoreError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select

from relay.keys.store import audit, chain
from relay.keys.store.audit import Verdict
from relay.keys.store.batch import Batch
from relay.keys.store.chain import Link
from relay.keys.store.database import Database
from relay.keys.store.schema import trace
from relay.model import Record

PAGE = 1000

_ALL = select(*(trace.c[name] for name in chain.CONTENT), trace.c.hash)


class Trail:
    """Writes, reads, checks and prunes the trace."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batch = Batch(database, chain.append)

    async def write(self, records: Sequence[Record]) -> None:
        """Append; on disk when it returns."""
        await self._batch.add(records)

    async def head(self) -> Link:
        """The newest row's number and hash, for the log."""
        return (await self._database.read(chain.ends)).head

    async def select(
        self, *, since: float | None = None, sender: str | None = None, recipient: str | None = None, id_: str = ""
    ) -> AsyncIterator[Record]:
        """Those that match, oldest first. Read page by page: no lock is held meanwhile."""
        wanted = _matching(since, sender, recipient, id_)
        after = 0
        while rows := await self._database.read(partial(_page, wanted=wanted, after=after)):
            for row in rows:
                yield chain.record(row)
            after = rows[-1].number

    async def verify(self, logged: Link | None = None) -> Verdict:
        """Walk the chain from the anchor to the head; `logged` is a link that the log told of."""
        while True:
            extent = await self._database.read(audit.extent)
            walk = audit.Audit(extent, logged)
            while walk.more:
                walk.check(await self._database.read(partial(_page, wanted=_ALL, after=walk.link.number)))
            if walk.verdict.holds or (await self._database.read(audit.extent)).anchor == extent.anchor:
                return walk.verdict  # else retention took rows out under our feet

    async def prune(self, before: float) -> int:
        """Take out what is older, from the beginning up to the first row that is not; how many."""
        gone = 0
        while count := await self._database.write(partial(_cut, before=before)):
            gone += count
        return gone


# Without an index on the time: a scan of a million rows takes a fraction of a second, and is asked for by people.
def _matching(since: float | None, sender: str | None, recipient: str | None, id_: str) -> Select[Any]:
    wanted = _ALL
    if since is not None:
        wanted = wanted.where(trace.c.time >= since)
    if sender is not None:
        wanted = wanted.where(trace.c.sender_key == chain.address_key(sender))
    if recipient is not None:
        wanted = wanted.where(trace.c.recipient_key == chain.address_key(recipient))
    return wanted.where(trace.c.id == id_) if id_ else wanted


def _page(connection: Connection, wanted: Select[Any], after: int) -> Sequence[Row[Any]]:
    return connection.execute(wanted.where(trace.c.number > after).order_by(trace.c.number).limit(PAGE)).all()


def _cut(connection: Connection, before: float) -> int:
    anchor = chain.ends(connection).anchor
    cut, count = anchor, 0
    for row in _page(connection, _ALL, anchor.number):
        if row.time >= before:
            break
        cut, count = Link(row.number, bytes(row.hash)), count + 1
    if count:
        connection.execute(delete(trace).where(trace.c.number <= cut.number))
        chain.note(connection, chain.ANCHOR, cut)
    return count
