"""The SQL that changes certificates: functions that take a connection with a transaction that writes.

Each change gives the table a new token (`certificate_queries.token`), by which caches notice it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, true, update

from relay.model import Entry, Origin
from relay.store.certificate_decisions import is_approved, is_bound, rejected_of
from relay.store.certificate_queries import TOKEN, by_fingerprints
from relay.store.key_changes import Noting, note
from relay.store.schema import addresses, answers, approved, certificates, proposals, rejected, revokers, state
from relay.store.statements import chunks, put
from relay.store.verdict import dump

_COLUMNS = certificates.c
_PUT_STATE = put(state)


def upsert(
    connection: Connection, entries: Sequence[Entry], known: Mapping[str, int | None] | None, noting: Noting
) -> list[Entry]:
    """Store these certificates, except those that a person rejected.

    Returns those that were changed meanwhile, as `known` (fingerprint -> version) shows: they were not stored.
    """
    latest = {entry.certificate.fingerprint: entry for entry in entries}
    outdated = [] if known is None else _outdated(connection, latest, known)
    for entry in outdated:
        del latest[entry.certificate.fingerprint]
    found = [f for f, entry in latest.items() if entry.origin is not Origin.IMPORTED or entry.proposed]
    for fingerprint in rejected_of(connection, found):
        del latest[fingerprint]
    if latest:
        before = by_fingerprints(connection, latest)
        _replace(connection, latest)
        _propose(connection, latest.values(), noting)
        note(connection, before, latest, noting)
    return outdated


def remove(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Delete a certificate, and the answers of sources with it. Returns whether it was there."""
    there = _take_out(connection, fingerprint, noting)
    connection.execute(delete(answers).where(answers.c.fingerprint == fingerprint))
    connection.execute(delete(approved).where(approved.c.fingerprint == fingerprint))
    _changed(connection)
    return there


def remove_fetched(connection: Connection, fingerprint: str, version: int | None, noting: Noting) -> None:
    """Delete a certificate from a source, unless it was changed since `version`, is bound, or was approved."""
    wanted = select(_COLUMNS.fingerprint).where(_COLUMNS.fingerprint == fingerprint, _COLUMNS.version == version)
    kept = is_approved(connection, fingerprint) or is_bound(connection, fingerprint)
    if connection.execute(wanted).first() and not kept:
        _take_out(connection, fingerprint, noting)
        _changed(connection)


def approve(connection: Connection, fingerprint: str, version: int | None, noting: Noting) -> bool:
    """Approve a proposed certificate: it counts as imported from now on.

    Returns whether it was proposed, and, if a version is given, was not changed since.
    """
    before = by_fingerprints(connection, [fingerprint])
    waiting = update(certificates).where(_COLUMNS.fingerprint == fingerprint, _COLUMNS.proposed == true())
    if version is not None:
        waiting = waiting.where(_COLUMNS.version == version)
    now = {"proposed": False, "origin": Origin.IMPORTED.value, "updated": int(noting.at), "version": _new_version()}
    there = connection.execute(waiting.values(**now)).rowcount
    if there:
        connection.execute(delete(proposals).where(proposals.c.fingerprint == fingerprint))
        note(connection, before, by_fingerprints(connection, [fingerprint]), noting)
        connection.execute(delete(approved).where(approved.c.fingerprint == fingerprint))
        connection.execute(insert(approved), {"fingerprint": fingerprint})
    _changed(connection)
    return there > 0


def reject(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Remove a proposed certificate, and remember the rejection. Returns whether it was proposed."""
    waiting = select(_COLUMNS.fingerprint).where(_COLUMNS.fingerprint == fingerprint, _COLUMNS.proposed == true())
    if connection.execute(waiting).first() is None:
        return False
    _take_out(connection, fingerprint, noting)
    connection.execute(insert(rejected), {"fingerprint": fingerprint})
    _changed(connection)
    return True


def _take_out(connection: Connection, fingerprint: str, noting: Noting) -> bool:
    """Delete a certificate, and write the change to the trace. Returns whether it was there."""
    before = by_fingerprints(connection, [fingerprint])
    there = _delete(connection, [fingerprint])
    connection.execute(delete(proposals).where(proposals.c.fingerprint == fingerprint))
    note(connection, before, {}, noting)
    return there > 0


def _propose(connection: Connection, entries: Collection[Entry], noting: Noting) -> None:
    """Store for proposed certificates since when they are; delete that for all others."""
    waiting = {entry.certificate.fingerprint: entry.proposed for entry in entries}
    for chunk in chunks(waiting):
        known = set(
            connection.execute(select(proposals.c.fingerprint).where(proposals.c.fingerprint.in_(chunk))).scalars()
        )
        if over := [fingerprint for fingerprint in known if not waiting[fingerprint]]:
            connection.execute(delete(proposals).where(proposals.c.fingerprint.in_(over)))
        if new := [fingerprint for fingerprint in chunk if waiting[fingerprint] and fingerprint not in known]:
            rows = [{"fingerprint": f, "first_seen": noting.at, "dkim_domain": noting.dkim_domain} for f in new]
            connection.execute(insert(proposals), rows)


def _outdated(connection: Connection, latest: Mapping[str, Entry], known: Mapping[str, int | None]) -> list[Entry]:
    stored: dict[str, int] = {}
    for chunk in chunks(latest):
        wanted = select(_COLUMNS.fingerprint, _COLUMNS.version).where(_COLUMNS.fingerprint.in_(chunk))
        stored.update((row.fingerprint, row.version) for row in connection.execute(wanted))
    return [entry for fingerprint, entry in latest.items() if stored.get(fingerprint) != known.get(fingerprint)]


def _replace(connection: Connection, latest: Mapping[str, Entry]) -> None:
    _delete(connection, latest)
    for chunk in chunks(latest):
        connection.execute(delete(rejected).where(rejected.c.fingerprint.in_(chunk)))
    for entries in chunks(latest.values()):  # a server ends a transaction that says nothing for seconds
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
    for chunk in chunks(fingerprints):
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
    """A version for a row that it never had, even if it was deleted meanwhile or restored from a backup."""
    return secrets.randbits(63)
