"""The SQL that reads certificates: functions that take a connection and return values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy import text as sql

from relay.model import Entry, Origin
from relay.model.lookup import Proposal
from relay.store.schema import addresses, certificates, proposals, revokers, state
from relay.store.sought import Sought
from relay.store.statements import chunks, whole
from relay.store.verdict import load

MOST_FOUND = 10
"""The most certificates that a search returns."""
TOKEN = "certificates"  # noqa: S105 - the name of a row that tells states of the store apart, no secret

_COLUMNS = certificates.c
_ENTRY = select(_COLUMNS.data, _COLUMNS.verdict, _COLUMNS.origin, _COLUMNS.updated, _COLUMNS.proposed, _COLUMNS.version)
_PROPOSED = sql("certificate.proposed")  # as its index says it; SQLAlchemy would write `= 1`
_IMPORTED_FIRST = (case((_COLUMNS.origin == Origin.IMPORTED.value, 0), else_=1), _COLUMNS.updated.desc())

_STATE = select(state.c.value).where(state.c.name == TOKEN)
# One row at least, so that the state comes with the answer "none".
_BY_ADDRESS = (
    select(_STATE.scalar_subquery().label("token"), *_ENTRY.selected_columns)
    .select_from(
        select(literal(1).label("one"))
        .subquery()
        .outerjoin(addresses, and_(true(), addresses.c.address == bindparam("wanted")))
        .outerjoin(certificates, _COLUMNS.fingerprint == addresses.c.fingerprint)
    )
    .order_by(*_IMPORTED_FIRST, _COLUMNS.fingerprint)
)


class Number(NamedTuple):
    """The number of certificates of one kind."""

    origin: str
    proposed: bool
    total: int
    expired: int


def token(connection: Connection) -> bytes | None:
    """A value that differs for each state of the certificates; None where none was ever stored."""
    return connection.execute(_STATE).scalar_one_or_none()


def by_address(connection: Connection, address: str) -> tuple[bytes | None, tuple[Entry, ...]]:
    """The token, and the certificates that have this address in the state of that token."""
    found = connection.execute(_BY_ADDRESS, {"wanted": address}).all()
    return found[0].token, tuple(_entry(*entry) for _, *entry in found if entry[0] is not None)


def by_fingerprints(connection: Connection, fingerprints: Collection[str]) -> dict[str, Entry]:
    """The certificates with these fingerprints that are stored, by fingerprint."""
    found: dict[str, Entry] = {}
    for chunk in chunks(fingerprints):
        for row in connection.execute(_ENTRY.where(_COLUMNS.fingerprint.in_(chunk))):
            entry = _entry(*row)
            found[entry.certificate.fingerprint] = entry
    return found


def by_key_ids(connection: Connection, key_ids: Collection[str]) -> list[Entry]:
    """The certificates that have one of these keys or subkeys, `MOST_FOUND` at most."""
    named = [_COLUMNS.verdict.contains(key_id, autoescape=True) for key_id in key_ids]  # all are in capitals
    found = _fitting(connection, [or_(*named)], MOST_FOUND) if named else []
    return [entry for entry in found if any(one.key_id in key_ids for one in entry.certificate.components)]


def claimed_by(connection: Connection, fingerprints: Collection[str]) -> list[Entry]:
    """The certificates that carry a revocation, not yet verified, by one of these keys."""
    found: dict[str, Entry] = {}
    for chunk in chunks(fingerprints):
        claimed = _ENTRY.join(revokers, revokers.c.fingerprint == _COLUMNS.fingerprint)
        for row in connection.execute(claimed.where(revokers.c.revoker.in_(chunk))):
            entry = _entry(*row)
            found[entry.certificate.fingerprint] = entry
    return list(found.values())


def shared(connection: Connection, keys: Collection[str]) -> list[Entry]:
    """All certificates of those addresses that several have."""
    several: set[str] = set()
    owner = addresses.alias("owner")
    for chunk in chunks(keys):
        counted = select(addresses.c.address).where(addresses.c.address.in_(chunk)).group_by(addresses.c.address)
        wanted = select(owner.c.fingerprint).where(owner.c.address.in_(counted.having(func.count() > 1)))
        several.update(connection.execute(wanted).scalars())
    return list(by_fingerprints(connection, several).values())


def search(connection: Connection, text: str) -> list[Entry]:
    """The certificates with this fingerprint, beginning of one, or key id; none for any other text."""
    digits = re.sub(r"\s", "", text).upper().removeprefix("0X")
    if not re.fullmatch(r"[0-9A-F]{8,64}", digits):
        return []
    begins = and_(_COLUMNS.fingerprint >= digits, _COLUMNS.fingerprint < digits + "G")
    match = or_(begins, _COLUMNS.key_id == digits) if len(digits) == 16 else begins
    wanted = _ENTRY.where(match).order_by(_COLUMNS.fingerprint).limit(MOST_FOUND)
    return [_entry(*row) for row in connection.execute(wanted)]


def page(connection: Connection, after: str, size: int, sought: Sought) -> list[Entry]:
    """The next `size` certificates that may match, in the order of fingerprints."""
    there = _ENTRY.where(_COLUMNS.fingerprint > after, *sought.conditions())
    wanted = there.order_by(_COLUMNS.fingerprint).limit(size)
    return [_entry(*row) for row in connection.execute(wanted)]


def some(connection: Connection, sought: Sought, most: int) -> list[Entry]:
    """Up to `most` certificates that may match, in no order: in that of an index this takes ten times as long."""
    return _fitting(connection, sought.conditions(), most)


def _fitting(connection: Connection, conditions: Iterable[ColumnElement[bool]], most: int) -> list[Entry]:
    """Searches the texts in an index: it is a tenth as large as the table, whose rows contain the certificates."""
    fitting = select(_COLUMNS.fingerprint).where(*conditions).limit(most)
    return [_entry(*row) for row in connection.execute(_ENTRY.where(_COLUMNS.fingerprint.in_(fitting)))]


def first(connection: Connection, most: int) -> list[Entry]:
    """The first certificates in the order of their addresses."""
    owned = _ENTRY.join_from(addresses, certificates, _COLUMNS.fingerprint == addresses.c.fingerprint)
    by_address = owned.order_by(addresses.c.address, _COLUMNS.fingerprint).limit(most)
    return [_entry(*row) for row in connection.execute(by_address)]


def expiring(connection: Connection, after: float, until: float, most: int | None) -> list[Entry]:
    """The certificates that expire between these times, the earliest first."""
    wanted = _ENTRY.where(_COLUMNS.expires > whole(after), _COLUMNS.expires <= whole(until)).order_by(_COLUMNS.expires)
    return [_entry(*row) for row in connection.execute(wanted.limit(most))]


def count_expiring(connection: Connection, after: float, until: float) -> int:
    """The number of these certificates, without proposed ones."""
    unproposed = select(func.count(case((_COLUMNS.proposed == false(), 1))))  # as a condition it would be the index
    within = unproposed.where(_COLUMNS.expires > whole(after), _COLUMNS.expires <= whole(until))
    return int(connection.execute(within).scalar_one())


def proposed(connection: Connection, most: int) -> list[Proposal]:
    """The certificates that wait for an approval, the newest first."""
    told = (proposals.c.first_seen, proposals.c.dkim_domain)
    wanted = _ENTRY.add_columns(*told).outerjoin(proposals, proposals.c.fingerprint == _COLUMNS.fingerprint)
    newest_first = wanted.where(_PROPOSED).order_by(_COLUMNS.updated.desc()).limit(most)
    return [_proposal(*row) for row in connection.execute(newest_first)]


def count_proposed(connection: Connection) -> int:
    """The number of certificates that wait for an approval."""
    waiting = select(func.count()).select_from(certificates).where(_PROPOSED)
    return int(connection.execute(waiting).scalar_one())


def counts(connection: Connection, now: float) -> list[Number]:
    """The number of certificates of each kind."""
    over = func.count(case((_COLUMNS.expires <= now, 1)))
    kinds = select(_COLUMNS.origin, _COLUMNS.proposed, func.count().label("total"), over.label("expired"))
    return [Number(*row) for row in connection.execute(kinds.group_by(_COLUMNS.origin, _COLUMNS.proposed))]


def _entry(  # noqa: PLR0913, PLR0917  a row
    data: bytes,
    verdict: str,
    origin: str,
    updated: int,
    proposed: bool,  # noqa: FBT001  a row
    version: int,
) -> Entry:
    return Entry(load(data, verdict), Origin(origin), updated, proposed, version)


def _proposal(*row: Any) -> Proposal:  # noqa: ANN401  a row
    *columns, first_seen, dkim_domain = row
    entry = _entry(*columns)
    return Proposal(entry, entry.updated if first_seen is None else first_seen, dkim_domain or "")
