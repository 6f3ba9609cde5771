"""What sources answered for an address, and when: shared by all processes, kept over restarts.

There is one row for each source and address. A row may also stand for all addresses of a domain, or for a whole source,
under a name that is not an address. For how long an answer counts is decided by who reads it. A later outage or "no
key" does not overwrite what is known about a key, in whichever process: an unusable key stays recorded until a usable
one comes. Writes that come together share a commit. Bounded: `prune` deletes what is old, and the oldest of too many.

Raises `StoreError`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, Select, and_, bindparam, delete, func, or_, select

from relay.model import Origin
from relay.store.batch import WriteBatch
from relay.store.database import Database
from relay.store.locks import together
from relay.store.schema import addresses, answers, certificates
from relay.store.statements import put

MOST_ROWS = 100_000

# Made once: SQLAlchemy takes longer to make a statement than SQLite to run it.
_WANTED = select(answers).where(
    answers.c.source == bindparam("at"), answers.c.address.in_(bindparam("names", expanding=True))
)
_ONE = delete(answers).where(answers.c.source == bindparam("at"), answers.c.address == bindparam("name"))
_PUT = put(answers)


class Result(StrEnum):
    """The kinds of answers."""

    FOUND = "found"
    NOT_FOUND = "not found"
    UNUSABLE = "unusable"
    UNAVAILABLE = "unavailable"


_ANYWHERE = (Origin.IMPORTED.value, Origin.AUTHORITY.value, Origin.ENROLLED.value)
"""Origins whose certificates are asked for at every source."""
_WITHOUT_KEY = frozenset({Result.NOT_FOUND, Result.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source answered for one address."""

    source: str
    address: str
    """The key of an address, or the name of what an outage concerns."""
    asked: float
    """When, in seconds since the epoch."""
    result: Result
    method: str = ""
    fingerprint: str = ""
    reason: str = ""
    expires: int | None = None
    authorities: str = ""
    """What tells the state of those who may vouch for its domain from any other, when it was judged; empty: nobody."""


@dataclass(frozen=True, slots=True)
class Due:
    """An address whose certificate in the store is to be asked for again."""

    address: str
    fingerprint: str
    origin: Origin
    asked: float | None
    """When it was last answered."""


@dataclass(frozen=True, slots=True)
class DueTimes:
    """When a source is asked again, in seconds since the epoch."""

    now: float
    """An answer that is younger was written by a clock ahead: its source is asked again."""
    answered: float
    """An answer of a source from before this time is old."""
    unanswered: float
    """An outage from before this time is old."""
    ending: float
    """A certificate that expires before this time is asked for once more …"""
    margin: float
    """… this many seconds before it expires."""


class Answers:
    """What sources have answered, in the table `answer`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batch = WriteBatch(database)

    async def get(self, source: str, names: Collection[str]) -> dict[str, Answer]:
        """The answers that are stored of this source for these names, by name."""
        rows = await self._database.read(lambda c: _rows(c, source, names))
        return {row.address: row for row in rows}

    async def put(self, rows: Sequence[Answer], sooner: float = 0.0) -> None:
        """Store them in place of what stood there.

        If the stored answer is a key that must not be used, an outage or "no key" does not replace it; after an outage
        its time is set `sooner` seconds before that. The fingerprint and method of a key stay beside either.
        """
        await self._batch.add(_write, [(row, sooner) for row in rows])

    async def drop(self, source: str, name: str) -> None:
        """Delete the answer for one name."""
        await self._database.write(lambda c: c.execute(_ONE, {"at": source, "name": name}))

    async def due(self, source: str, *, times: DueTimes, limit: int) -> list[Due]:
        """The addresses that are due at this source; the oldest answer first."""
        wanted = _due(source, times).limit(limit)
        rows = await self._database.read(lambda c: c.execute(wanted).all())
        return [Due(row.address, row.fingerprint, Origin(row.origin), row.asked) for row in rows]

    async def prune(self, before: float, most: int = MOST_ROWS) -> None:
        """Delete what was asked before, and the oldest of more than `most`; never that a key must not be used."""
        await self._database.write(lambda c: _prune(c, before, most))


def _write(connection: Connection, rows: Sequence[tuple[Answer, float]]) -> None:
    together(connection, "answer", [f"{row.source} {row.address}" for row, _ in rows])
    latest = _known(connection, [row for row, _ in rows if row.result in _WITHOUT_KEY])
    for row, sooner in rows:
        latest[row.source, row.address] = _after(latest.get((row.source, row.address)), row, sooner)
    connection.execute(_PUT, [{**asdict(row), "result": row.result.value} for row in latest.values()])


def _known(connection: Connection, answers: Sequence[Answer]) -> dict[tuple[str, str], Answer]:
    """What stands in their places now."""
    return {
        (row.source, row.address): row
        for source in {answer.source for answer in answers}
        for row in _rows(connection, source, [answer.address for answer in answers if answer.source == source])
    }


def _after(before: Answer | None, now: Answer, sooner: float) -> Answer:
    if before is None or now.result not in _WITHOUT_KEY:
        return now
    if before.result is Result.UNUSABLE:
        return replace(before, asked=now.asked - (sooner if now.result is Result.UNAVAILABLE else 0))
    if not before.fingerprint:
        return now
    return replace(now, fingerprint=before.fingerprint, method=before.method, authorities=before.authorities)


def _rows(connection: Connection, source: str, names: Collection[str]) -> list[Answer]:
    found = connection.execute(_WANTED, {"at": source, "names": list(names)}).all()
    return [Answer(**{**row._mapping, "result": Result(row.result)}) for row in found]  # noqa: SLF001  SQLAlchemy's public name for it


def _due(source: str, times: DueTimes) -> Select[tuple[str, str, str, float | None]]:
    """Fetched certificates at their own source, imported ones at every source."""
    row, key = answers.c, certificates.c
    asked_here = and_(row.source == source, row.address == addresses.c.address)
    unanswered = and_(row.result == Result.UNAVAILABLE.value, row.asked < times.unanswered)
    ends = and_(key.expires < times.ending, row.asked < key.expires - times.margin)
    return (
        select(addresses.c.address, key.fingerprint, key.origin, row.asked)
        .join_from(addresses, certificates, key.fingerprint == addresses.c.fingerprint)
        .join(answers, asked_here, isouter=True)
        .where(key.proposed.is_(False), key.origin.in_((*_ANYWHERE, source)))
        .where(or_(row.asked.is_(None), row.asked < times.answered, row.asked > times.now, unanswered, ends))
        .order_by(func.coalesce(row.asked, 0), addresses.c.address)
    )


def _prune(connection: Connection, before: float, most: int) -> None:
    forgettable = answers.c.result != Result.UNUSABLE.value
    connection.execute(delete(answers).where(answers.c.asked < before, forgettable))
    too_many = connection.execute(select(func.count()).select_from(answers).where(forgettable)).scalar_one() - most
    if too_many > 0:
        oldest = select(answers.c.asked).where(forgettable).order_by(answers.c.asked)
        last = oldest.offset(too_many - 1).limit(1).scalar_subquery()
        connection.execute(delete(answers).where(answers.c.asked <= last, forgettable))
