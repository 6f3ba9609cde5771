"""The trace: a row for every decision, in one hash chain (`relay.store.hash_chain`) that all processes extend.

Rows are on disk when `write` returns; concurrent callers share a commit. Retention deletes rows from the beginning
and leaves an anchor: the number and hash of the last one deleted.

Raises `StoreError`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, case, delete, exists, false, func, select

from relay.model import Record
from relay.model.key_change import ACTION as KEY
from relay.store import hash_chain, verification
from relay.store.batch import WriteBatch
from relay.store.database import Database
from relay.store.hash_chain import Link
from relay.store.schema import trace
from relay.store.verification import Verdict

PAGE = 1000

_ALL = select(*(trace.c[name] for name in hash_chain.CONTENT), trace.c.hash)
# What one mail keeps over its retries: its Message-ID, or what the front MTA calls it.
_MAIL = case(
    (trace.c.message_id != "", trace.c.message_id), (trace.c.queue_id != "", trace.c.queue_id), else_=trace.c.id
)
_COUNTS = select(
    trace.c.rule, trace.c.recipient_key, trace.c.action, trace.c.shadow, func.count(_MAIL.distinct()).label("mails")
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows: all conditions that are set."""

    since: float | None = None
    """The message was received then or later, in seconds since the epoch."""
    sender: str | None = None
    """Empty: the null reverse-path."""
    recipient: str | None = None
    id: str = ""
    until: float | None = None
    """The message was received before then."""
    action: str = ""
    rule: str = ""
    direction: str = ""
    """`out` or `in`; empty: both."""
    newest: int | None = None
    """Only the last so many of those that match."""
    keys: bool = False
    """The rows about changed keys; else those about mails."""


class Sum(NamedTuple):
    """How many mails to a domain had which decision by which rule."""

    rule: str
    domain: str
    action: str
    shadow: bool
    mails: int


class Trace:
    """Writes, reads, checks and prunes the trace."""

    def __init__(self, database: Database, batch: WriteBatch) -> None:
        self._database = database
        self._batch = batch

    async def write(self, records: Sequence[Record]) -> None:
        """Append; on disk when it returns."""
        await self._batch.add(hash_chain.append, records)

    async def head(self) -> Link:
        """The newest row's number and hash, for the log."""
        return (await self._database.read(hash_chain.ends)).head

    async def select(self, wanted: Selection | None = None) -> AsyncIterator[Record]:
        """Those that match, oldest first. Read page by page: no lock is held meanwhile."""
        wanted = wanted or Selection()
        statement = _ALL.where(*_matching(wanted))
        after = await self._before_newest(wanted) if wanted.newest else 0
        while rows := await self._database.read(partial(_page, wanted=statement, after=after)):
            for row in rows:
                yield hash_chain.record(row)
            after = rows[-1].number

    async def _before_newest(self, wanted: Selection) -> int:
        """The number of the row before the first of the newest that match."""
        first = select(trace.c.number).where(*_matching(wanted)).order_by(trace.c.number.desc())
        statement = first.offset((wanted.newest or 1) - 1).limit(1)
        number = await self._database.read(lambda c: c.execute(statement).scalar_one_or_none())
        return 0 if number is None else number - 1

    async def summary(self, wanted: Selection | None = None) -> list[Sum]:
        """How many mails had which decision, by rule, recipient's domain and whether it was in shadow mode.

        A mail that came several times (one that is held) counts once for each decision.
        """
        statement = _COUNTS.where(*_matching(wanted or Selection())).group_by(*_COUNTS.selected_columns[:-1])
        groups = await self._database.read(lambda c: c.execute(statement).all())
        sums: Counter[tuple[str, str, str, bool]] = Counter()
        for rule, address, action, shadow, count in groups:
            sums[rule, address.rpartition("@")[2], action, shadow] += count
        return [Sum(*key, count) for key, count in sorted(sums.items())]

    async def held(self, since: float) -> list[tuple[float, Record]]:
        """The mails whose last decision for a recipient is `hold`: when each was held first, and its last row.

        Those that were held first at `since` or later, oldest first. A mail is known by its queue id and Message-ID.
        """
        return await self._database.read(partial(_held, since=since))

    async def verify(self, logged: Link | None = None) -> Verdict:
        """Check the chain from the anchor to the head; `logged` is a link taken from the log."""
        while True:
            extent = await self._database.read(verification.extent)
            walk = verification.ChainVerifier(extent, logged)
            while walk.more:
                walk.check(await self._database.read(partial(_page, wanted=_ALL, after=walk.link.number)))
            if walk.verdict.holds or (await self._database.read(verification.extent)).anchor == extent.anchor:
                return walk.verdict  # else retention deleted rows meanwhile

    async def prune(self, before: float, *, now: float) -> int:
        """Delete the rows from before this time, up to the first younger one; return how many. Times: epoch seconds.

        A row that claims to be younger than `now` was written by a clock ahead: it is deleted with an old row that
        comes after it, since rows stand in the order in which they were written.
        """
        last = await self._database.read(partial(_last_old, before=before, now=now))
        deleted = 0
        while count := await self._database.write(partial(_delete_page, last=last)):
            deleted += count
        return deleted


# Without an index on the time: a scan of a million rows takes a fraction of a second, and is asked for by people.
def _matching(wanted: Selection) -> Iterator[ColumnElement[bool]]:
    yield trace.c.action == KEY if wanted.keys else trace.c.action != KEY
    if wanted.since is not None:
        yield trace.c.time >= wanted.since
    if wanted.sender is not None:
        yield trace.c.sender_key == hash_chain.address_key(wanted.sender)
    if wanted.recipient is not None:
        yield trace.c.recipient_key == hash_chain.address_key(wanted.recipient)
    if wanted.id:
        yield trace.c.id == wanted.id
    if wanted.until is not None:
        yield trace.c.time < wanted.until
    if wanted.action:
        yield trace.c.action == wanted.action
    if wanted.rule:
        yield trace.c.rule == wanted.rule
    if wanted.direction:
        yield trace.c.direction == wanted.direction


def _page(connection: Connection, wanted: Select[Any], after: int) -> Sequence[Row[Any]]:
    return connection.execute(wanted.where(trace.c.number > after).order_by(trace.c.number).limit(PAGE)).all()


def _last_old(connection: Connection, before: float, now: float) -> int:
    """The number of the last row to delete; 0: none."""
    young = select(trace.c.number).where(trace.c.time >= before, trace.c.time <= now).order_by(trace.c.number).limit(1)
    first_kept = connection.execute(young).scalar_one_or_none()
    old = select(func.max(trace.c.number)).where(trace.c.time < before)
    if first_kept is not None:
        old = old.where(trace.c.number < first_kept)
    return connection.execute(old).scalar_one() or 0


def _delete_page(connection: Connection, last: int) -> int:
    """Delete up to a page of rows, none after number `last`, and move the anchor; how many."""
    anchor = hash_chain.ends(connection).anchor
    rows = _page(connection, _ALL.where(trace.c.number <= last), anchor.number)
    if rows:
        cut = Link(rows[-1].number, bytes(rows[-1].hash))
        connection.execute(delete(trace).where(trace.c.number <= cut.number))
        hash_chain.note(connection, hash_chain.ANCHOR, cut)
    return len(rows)


def _held(connection: Connection, since: float) -> list[tuple[float, Record]]:
    mail = (trace.c.queue_id, trace.c.message_id, trace.c.recipient_key)
    is_held = (trace.c.action == "hold", trace.c.shadow == false(), trace.c.time >= since)
    groups = select(*mail, func.min(trace.c.time).label("first"), func.max(trace.c.number).label("last"))
    last = groups.where(*is_held).group_by(*mail).subquery()
    later = trace.alias()
    decided_since = exists().where(
        later.c.recipient_key == last.c.recipient_key,
        later.c.number > last.c.last,
        later.c.queue_id == last.c.queue_id,
        later.c.message_id == last.c.message_id,
        later.c.action != "hold",
    )
    found = (
        _ALL.add_columns(last.c.first)
        .join(last, trace.c.number == last.c.last)
        .where(~decided_since)
        .order_by(last.c.first, trace.c.number)
    )
    return [(row.first, hash_chain.record(row)) for row in connection.execute(found)]
