"""The SQL behind `Trace`: plain functions of a connection.

Figures over a time, queue ids, Message-IDs and changes of keys have indexes, because people ask for them on pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    false,
    func,
    select,
)

from relay.model import Record
from relay.model.key_change import ACTION as KEY
from relay.model.trace import kept
from relay.store import hash_chain, row_hash
from relay.store.hash_chain import Link
from relay.store.schema import trace

PAGE = 1000
"""Rows that are read or deleted at once."""
LOOK = 10_000
"""Rows whose times are compared at once."""
ALL = select(*(trace.c[name] for name in row_hash.CONTENT), trace.c.hash)
"""Every row, with what a record and its hash are made of."""

_TEXTS = ("id", "queue_id", "message_id", "action", "rule", "direction")
"""Columns that a selection compares for equality."""
_SPARSE = frozenset({"queue_id", "message_id"})
"""Those whose index leaves empty texts out, which a condition has to say as well."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The conditions by which rows are selected. All that are set must hold."""

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
    queue_id: str = ""
    message_id: str = ""
    newest: int | None = None
    """Only the last so many of those that match."""
    keys: bool = False
    """The rows about changed keys; else those about mails."""


@dataclass(frozen=True, slots=True)
class Old:
    """What a look for old rows has found."""

    last: int | None
    """The number of the last row that is old enough to delete; None: there is none here."""
    end: int | None
    """The number of the last row that was looked at; None: no row after it is old enough."""


def matching(wanted: Selection) -> Iterator[ColumnElement[bool]]:
    """The conditions as SQL, without `newest`."""
    yield trace.c.action != hash_chain.NOTED
    yield trace.c.action == KEY if wanted.keys else trace.c.action != KEY
    if wanted.since is not None:
        yield trace.c.time >= wanted.since
    if wanted.until is not None:
        yield trace.c.time < wanted.until
    if wanted.sender is not None:
        yield trace.c.sender_key == row_hash.address_key(kept(wanted.sender))
    if wanted.recipient is not None:
        yield trace.c.recipient_key == row_hash.address_key(kept(wanted.recipient))
    for name in _TEXTS:
        if text := kept(getattr(wanted, name)):
            yield trace.c[name] == text
            if name in _SPARSE:
                yield trace.c[name] != ""


def of_chain(name: str, wanted: Selection) -> Select[Any]:
    """The query for the rows of one chain that match."""
    return ALL.where(*matching(wanted), trace.c.chain == name)


def page(connection: Connection, wanted: Select[Any], after: int) -> Sequence[Row[Any]]:
    """The next `PAGE` matching rows of one chain with a number greater than `after`, in order."""
    return connection.execute(wanted.where(trace.c.number > after).order_by(trace.c.number).limit(PAGE)).all()


def look_for_old(connection: Connection, name: str, after: int, before: float, now: float) -> Old:
    """Look for rows that are old enough to delete among the next `LOOK` rows of a chain."""
    end = after + LOOK
    here = (trace.c.chain == name, trace.c.number > after, trace.c.number <= end)
    young = select(func.min(trace.c.number)).where(*here, trace.c.time >= before, trace.c.time <= now)
    first_kept = connection.execute(young).scalar_one()
    old = select(func.max(trace.c.number)).where(*here, trace.c.time < before)
    if first_kept is not None:
        old = old.where(trace.c.number < first_kept)
    last = connection.execute(old).scalar_one()
    is_over = first_kept is not None or end >= hash_chain.ends(connection, name).head.number
    return Old(last, None if is_over else end)


def delete_page(connection: Connection, name: str, last: int) -> int:
    """Delete up to a page of rows of a chain, none after number `last`; move the anchor. Returns how many."""
    anchor = hash_chain.ends(connection, name).anchor
    here = trace.c.chain == name
    rows = page(connection, ALL.where(here, trace.c.number <= last), anchor.number)
    if rows:
        cut = Link(rows[-1].number, bytes(rows[-1].hash))
        connection.execute(delete(trace).where(here, trace.c.number <= cut.number))
        hash_chain.note(connection, name, hash_chain.ANCHOR, cut)
    return len(rows)


def held(connection: Connection, since: float, tried: float) -> list[tuple[float, Record]]:
    """The mails whose last row says `hold`, oldest first: the time of the first hold, and the last row."""
    mail = (trace.c.queue_id, trace.c.message_id, trace.c.recipient_key)
    is_held = (trace.c.action == "hold", trace.c.shadow == false(), trace.c.time >= since)
    groups = select(*mail, func.min(trace.c.time).label("first"), func.max(trace.c.time).label("last"))
    last = groups.where(*is_held).group_by(*mail).subquery()
    later = trace.alias()
    decided_since = exists().where(
        later.c.recipient_key == last.c.recipient_key,
        later.c.time >= last.c.last,
        later.c.queue_id == last.c.queue_id,
        later.c.message_id == last.c.message_id,
        later.c.action != "hold",
    )
    found = (
        ALL.add_columns(last.c.first)
        .join(last, and_(trace.c.time == last.c.last, *(column == last.c[column.name] for column in mail)))
        .where(trace.c.action == "hold", last.c.last >= tried, ~decided_since)
        .order_by(last.c.first, trace.c.number)
    )
    return [(row.first, row_hash.record(row)) for row in connection.execute(found)]
