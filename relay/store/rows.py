"""The SQL behind `Certificates`: plain functions of a connection, values in and out."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, and_, bindparam, case, delete, func, insert, literal, or_, select, true, update

from relay.model import Entry, Origin
from relay.model.lookup import Proposal
from relay.store.key_changes import Noting, note
from relay.store.schema import (
    addresses,
    answers,
    approved,
    bindings,
    certificates,
    proposals,
    rejected,
    revokers,
    state,
)
from relay.store.sought import Sought
from relay.store.statements import put
from relay.store.verdict import dump, load

__all__ = ["Connection"]

T = TypeVar("T")


class Number(NamedTuple):
    """How many certificates there are of one kind."""

    origin: str
    proposed: bool
    total: int
    expired: int


CHUNK = 500
"""Values in one IN list: SQLite allows 32,766 parameters, old ones 999."""
MOST_FOUND = 10

TOKEN = "certificates"  # noqa: S105 - the name of a row that tells states of the store apart, no secret
_FULL = (40, 64)

_COLUMNS = certificates.c
_ENTRY = select(_COLUMNS.data, _COLUMNS.verdict, _COLUMNS.origin, _COLUMNS.updated, _COLUMNS.proposed, _COLUMNS.version)
_IMPORTED_FIRST = (case((_COLUMNS.origin == Origin.IMPORTED.value, 0), else_=1), _COLUMNS.updated.desc())

_PUT_STATE = put(state)
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


def token(connection: Connection) -> bytes | None:
    """What tells this state of the certificates from any other; None: nothing was ever stored."""
    return connection.execute(_STATE).scalar_one_or_none()


def by_address(connection: Connection, address: str) -> tuple[bytes | None, tuple[Entry, ...]]:
    """The token, and the certificates with this address in that very state."""
    found = connection.execute(_BY_ADDRESS, {"wanted": address}).all()
    return found[0].token, tuple(_entry(*entry) for _, *entry in found if entry[0] is not None)


def by_fingerprints(connection: Connection, fingerprints: Collection[str]) -> dict[str, Entry]:
    """Those that are known."""
    found: dict[str, Entry] = {}
    for chunk in _chunks(fingerprints):
        for row in connection.execute(_ENTRY.where(_COLUMNS.fingerprint.in_(chunk))):
            entry = _entry(*row)
            found[entry.certificate.fingerprint] = entry
    return found


def by_key_ids(connection: Connection, key_ids: Collection[str]) -> list[Entry]:
    """Those that have one of these keys or subkeys, `MOST_FOUND` at most: all are read, in one pass."""
    named = [_COLUMNS.verdict.contains(key_id, autoescape=True) for key_id in key_ids]
    found = [_entry(*row) for row in connection.execute(_ENTRY.where(or_(*named)).limit(MOST_FOUND))] if named else []
    return [entry for entry in found if any(one.key_id in key_ids for one in entry.certificate.components)]


def claimed_by(connection: Connection, fingerprints: Collection[str]) -> list[Entry]:
    """Those that carry an unverified revocation by one of these keys."""
    found: dict[str, Entry] = {}
    for chunk in _chunks(fingerprints):
        claimed = _ENTRY.join(revokers, revokers.c.fingerprint == _COLUMNS.fingerprint)
        for row in connection.execute(claimed.where(revokers.c.revoker.in_(chunk))):
            entry = _entry(*row)
            found[entry.certificate.fingerprint] = entry
    return list(found.values())


def shared(connection: Connection, keys: Collection[str]) -> list[Entry]:
    """All certificates of those addresses that several have."""
    several: set[str] = set()
    owner = addresses.alias("owner")
    for chunk in _chunks(keys):
        counted = select(addresses.c.address).where(addresses.c.address.in_(chunk)).group_by(addresses.c.address)
        wanted = select(owner.c.fingerprint).where(owner.c.address.in_(counted.having(func.count() > 1)))
        several.update(connection.execute(wanted).scalars())
    return list(by_fingerprints(connection, several).values())


def search(connection: Connection, text: str) -> list[Entry]:
    """By fingerprint, its beginning or a key id; nothing for any other text."""
    digits = re.sub(r"\s", "", text).upper().removeprefix("0X")
    if not re.fullmatch(r"[0-9A-F]{8,64}", digits):
        return []
    begins = and_(_COLUMNS.fingerprint >= digits, _COLUMNS.fingerprint < digits + "G")
    match = or_(begins, _COLUMNS.key_id == digits) if len(digits) == 16 else begins
    wanted = _ENTRY.where(match).order_by(_COLUMNS.fingerprint).limit(MOST_FOUND)
    return [_entry(*row) for row in connection.execute(wanted)]


def page(connection: Connection, after: str, size: int, sought: Sought) -> list[Entry]:
    """The next `size` of those that may be sought, by fingerprint."""
    there = _ENTRY.where(_COLUMNS.fingerprint > after, *sought.conditions())
    wanted = there.order_by(_COLUMNS.fingerprint).limit(size)
    return [_entry(*row) for row in connection.execute(wanted)]


def expiring(connection: Connection, after: float, until: float) -> list[Entry]:
    """Those whose time ends in between."""
    wanted = _ENTRY.where(_COLUMNS.expires > after, _COLUMNS.expires <= until).order_by(_COLUMNS.expires)
    return [_entry(*row) for row in connection.execute(wanted)]


def proposed(connection: Connection, most: int) -> list[Proposal]:
    """Those that wait for a person, the newest first."""
    told = (proposals.c.first_seen, proposals.c.dkim_domain)
    wanted = _ENTRY.add_columns(*told).outerjoin(proposals, proposals.c.fingerprint == _COLUMNS.fingerprint)
    newest_first = wanted.where(_COLUMNS.proposed == true()).order_by(_COLUMNS.updated.desc()).limit(most)
    return [_proposal(*row) for row in connection.execute(newest_first)]


def counts(connection: Connection, now: float) -> list[Number]:
    """One for each kind there is."""
    over = func.count(case((_COLUMNS.expires <= now, 1)))
    kinds = select(_COLUMNS.origin, _COLUMNS.proposed, func.count().label("total"), over.label("expired"))
    return [Number(*row) for row in connection.execute(kinds.group_by(_COLUMNS.origin, _COLUMNS.proposed))]


def upsert(
    connection: Connection, entries: Sequence[Entry], known: Mapping[str, int | None] | None, noting: Noting
) -> list[Entry]:
    """Store; what `known` (fingerprint -> version) shows to be outdated is returned instead."""
    latest = {entry.certificate.fingerprint: entry for entry in entries}
    outdated = [] if known is None else _outdated(connection, latest, known)
    for entry in outdated:
        del latest[entry.certificate.fingerprint]
    for fingerprint in _rejected(connection, [f for f, entry in latest.items() if entry.origin is not Origin.IMPORTED]):
        del latest[fingerprint]
    if latest:
        before = by_fingerprints(connection, latest)
        _replace(connection, latest)
        _propose(connection, latest.values(), noting)
        note(connection, before, latest, noting)
    return outdated


def remove(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Delete one, and that a source answered with it; whether it was there."""
    there = _take_out(connection, fingerprint, noting)
    connection.execute(delete(answers).where(answers.c.fingerprint == fingerprint))
    connection.execute(delete(approved).where(approved.c.fingerprint == fingerprint))
    _changed(connection)
    return there


def remove_fetched(connection: Connection, fingerprint: str, version: int | None, noting: Noting) -> None:
    """Delete one that a source brought, unless it was changed since `version`, is bound, or somebody approved it."""
    wanted = select(_COLUMNS.fingerprint).where(_COLUMNS.fingerprint == fingerprint, _COLUMNS.version == version)
    kept = is_approved(connection, fingerprint) or is_bound(connection, fingerprint)
    if connection.execute(wanted).first() and not kept:
        _take_out(connection, fingerprint, noting)
        _changed(connection)


def approve(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Make a proposed one count, as one that was imported."""
    before = by_fingerprints(connection, [fingerprint])
    waiting = update(certificates).where(_COLUMNS.fingerprint == fingerprint, _COLUMNS.proposed == true())
    now = {"proposed": False, "origin": Origin.IMPORTED.value, "updated": int(noting.at), "version": _new_version()}
    there = connection.execute(waiting.values(**now)).rowcount
    if there:
        connection.execute(delete(proposals).where(proposals.c.fingerprint == fingerprint))
        note(connection, before, by_fingerprints(connection, [fingerprint]), noting)
        connection.execute(delete(approved).where(approved.c.fingerprint == fingerprint))
        connection.execute(insert(approved), {"fingerprint": fingerprint})
    _changed(connection)
    return there > 0


def is_approved(connection: Connection, fingerprint: str) -> bool:
    """Whether a person took it in place of an imported one."""
    wanted = select(approved.c.fingerprint).where(approved.c.fingerprint == fingerprint)
    return connection.execute(wanted).first() is not None


def is_bound(connection: Connection, fingerprint: str) -> bool:
    """Whether a binding names it."""
    wanted = select(bindings.c.pattern).where(bindings.c.fingerprints.contains(fingerprint, autoescape=True))
    return connection.execute(wanted.limit(1)).first() is not None


def is_rejected(connection: Connection, fingerprint: str) -> bool:
    """Whether a person rejected it."""
    return bool(_rejected(connection, [fingerprint]))


def reject(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Take a proposed one out, and remember that."""
    waiting = select(_COLUMNS.fingerprint).where(_COLUMNS.fingerprint == fingerprint, _COLUMNS.proposed == true())
    if connection.execute(waiting).first() is None:
        return False
    _take_out(connection, fingerprint, noting)
    connection.execute(insert(rejected), {"fingerprint": fingerprint})
    _changed(connection)
    return True


def _take_out(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Delete one, and note it; whether it was there."""
    before = by_fingerprints(connection, [fingerprint])
    there = _delete(connection, [fingerprint])
    connection.execute(delete(proposals).where(proposals.c.fingerprint == fingerprint))
    note(connection, before, {}, noting)
    return there > 0


def _propose(connection: Connection, entries: Collection[Entry], noting: Noting) -> None:
    """Remember since when each proposed one is; forget that of the others."""
    waiting = {entry.certificate.fingerprint: entry.proposed for entry in entries}
    for chunk in _chunks(waiting):
        known = set(
            connection.execute(select(proposals.c.fingerprint).where(proposals.c.fingerprint.in_(chunk))).scalars()
        )
        if over := [fingerprint for fingerprint in known if not waiting[fingerprint]]:
            connection.execute(delete(proposals).where(proposals.c.fingerprint.in_(over)))
        if new := [fingerprint for fingerprint in chunk if waiting[fingerprint] and fingerprint not in known]:
            rows = [{"fingerprint": f, "first_seen": noting.at, "dkim_domain": ""} for f in new]
            connection.execute(insert(proposals), rows)


def _outdated(connection: Connection, latest: Mapping[str, Entry], known: Mapping[str, int | None]) -> list[Entry]:
    stored: dict[str, int] = {}
    for chunk in _chunks(latest):
        wanted = select(_COLUMNS.fingerprint, _COLUMNS.version).where(_COLUMNS.fingerprint.in_(chunk))
        stored.update((row.fingerprint, row.version) for row in connection.execute(wanted))
    return [entry for fingerprint, entry in latest.items() if stored.get(fingerprint) != known.get(fingerprint)]


def _rejected(connection: Connection, fingerprints: Collection[str]) -> list[str]:
    found: list[str] = []
    for chunk in _chunks(fingerprints):
        found.extend(
            connection.execute(select(rejected.c.fingerprint).where(rejected.c.fingerprint.in_(chunk))).scalars()
        )
    return found


def _replace(connection: Connection, latest: Mapping[str, Entry]) -> None:
    _delete(connection, latest)
    for chunk in _chunks(latest):
        connection.execute(delete(rejected).where(rejected.c.fingerprint.in_(chunk)))
    for entries in _chunks(latest.values()):  # a server ends a transaction that says nothing for seconds
        connection.execute(insert(certificates), [_row(entry) for entry in entries])
    owned = [{"address": a, "fingerprint": f} for f, entry in latest.items() for a in _address_keys(entry)]
    if owned:
        connection.execute(insert(addresses), owned)
    claimed = [{"revoker": r, "fingerprint": f} for f, entry in latest.items() for r in entry.certificate.revokers]
    if claimed:
        connection.execute(insert(revokers), claimed)
    _changed(connection)


def _delete(connection: Connection, fingerprints: Collection[str]) -> int:
    gone = 0
    for chunk in _chunks(fingerprints):
        connection.execute(delete(addresses).where(addresses.c.fingerprint.in_(chunk)))
        connection.execute(delete(revokers).where(revokers.c.fingerprint.in_(chunk)))
        gone += connection.execute(delete(certificates).where(_COLUMNS.fingerprint.in_(chunk))).rowcount
    return gone


def _changed(connection: Connection) -> None:
    connection.execute(_PUT_STATE, {"name": TOKEN, "value": os.urandom(16)})


def _address_keys(entry: Entry) -> list[str]:
    # Those of revoked and doubtful user ids too: none of them is "no key".
    return [address.key for address in entry.certificate.shown_addresses]


def _row(entry: Entry) -> dict[str, object]:
    certificate = entry.certificate
    return {
        "fingerprint": certificate.fingerprint,
        "key_id": certificate.primary.key_id,
        "origin": entry.origin.value,
        "updated": entry.updated,
        "proposed": entry.proposed,
        "expires": certificate.expires,
        "data": certificate.data,
        "verdict": dump(certificate),
        "version": _new_version(),
    }


def _new_version() -> int:
    """A row never has the same version twice, also where it was deleted meanwhile or restored from a backup."""
    return secrets.randbits(63)


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


def _chunks(values: Collection[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
