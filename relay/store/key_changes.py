"""Every change of a stored key as a row of the trace, written in the transaction that makes it.

A row says which key counted for an address before and which one does after: of several the first one, imported before
fetched, the newest first. Whether a key may be used is judged for each mail, and is not a change. Plain functions of a
connection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, false, select

from relay.model import Certificate, Entry, Origin
from relay.model.key_change import KeyChange
from relay.store import hash_chain
from relay.store.schema import addresses, certificates
from relay.store.statements import chunks

MOST_ADDRESSES = 20
"""Of one certificate in the trace: somebody else chose how many it has."""

_CAME = {Origin.IMPORTED: "imported", Origin.ENROLLED: "proved by its owner", Origin.HARVESTED: "came with mail"}

_STANDING = (
    select(addresses.c.address, addresses.c.fingerprint)
    .join(certificates, certificates.c.fingerprint == addresses.c.fingerprint)
    .where(certificates.c.proposed == false())
    .order_by(
        addresses.c.address,
        case((certificates.c.origin == Origin.IMPORTED.value, 0), else_=1),
        certificates.c.updated.desc(),
        addresses.c.fingerprint,
    )
)


@dataclass(frozen=True, slots=True)
class Noting:
    """Who changes keys, when, and why; no reason: what was changed says it."""

    actor: str
    at: float
    reason: str = ""
    dkim_domain: str = ""
    """Of the mail that brought the key."""


def note(connection: Connection, before: Mapping[str, Entry], after: Mapping[str, Entry], noting: Noting) -> None:
    """Write what changed: certificates by their fingerprints as they were and as they are, which is stored already."""
    told = [
        (entry, reason, fingerprint)
        for fingerprint in dict.fromkeys((*before, *after))
        if (entry := after.get(fingerprint) or before[fingerprint])
        and (reason := _reason(before.get(fingerprint), after.get(fingerprint)))
    ]
    standing = _standing(connection, {key for entry, _, _ in told for key in _keys(entry)})
    changes = [
        KeyChange(noting.at, noting.actor, key, old, new, noting.reason or reason)
        for entry, reason, fingerprint in told
        for key in _keys(entry) or [""]
        for old, new in [
            _pair(key, before.get(fingerprint), after.get(fingerprint), _other(standing.get(key, ()), fingerprint))
        ]
    ]
    write(connection, changes)


def write(connection: Connection, changes: Sequence[KeyChange]) -> None:
    """Append a row for each change to the hash chain."""
    if changes:
        hash_chain.append(connection, [change.record() for change in changes])


def _keys(entry: Entry) -> list[str]:
    return [address.key for address in entry.certificate.shown_addresses[:MOST_ADDRESSES]]


def _other(standing: Sequence[str], fingerprint: str) -> str:
    """The key that stands first for an address, this one left out; empty: none."""
    return next((other for other in standing if other != fingerprint), "")


def _pair(key: str, before: Entry | None, after: Entry | None, other: str) -> tuple[str, str]:
    """An address's key before and after; for a proposal, the key that it would replace."""
    if after is None:
        return (before.certificate.fingerprint if before else ""), other
    counted = before is not None and not before.proposed and key in {"", *_keys(before)}
    return (after.certificate.fingerprint if counted else other), after.certificate.fingerprint


def _reason(before: Entry | None, after: Entry | None) -> str:
    """In a word or two; empty: nothing that matters has changed."""
    if after is None:
        return "removed"
    if after.suggested and not (before and before.suggested):
        return "proposed: by a person"
    came = _CAME.get(after.origin, f"found by {after.origin.value}")
    if before is None or (before.proposed and not after.proposed):
        return f"proposed: {came}" if after.proposed else came
    if after.proposed and not before.proposed:
        return "proposed: another key was imported"
    if after.origin is not before.origin:
        return f"proposed: {came}" if after.proposed else came
    return _difference(before.certificate, after.certificate)


def _difference(before: Certificate, after: Certificate) -> str:
    if after.primary.revoked != before.primary.revoked:
        return "revoked"
    if after.disabled != before.disabled:
        return "disabled" if after.disabled else "enabled"
    if after.expires != before.expires:
        return "renewed"
    changed = after.data != before.data or after.shown_addresses != before.shown_addresses
    return "changed" if changed else ""


def _standing(connection: Connection, keys: Collection[str]) -> dict[str, list[str]]:
    """Of each address, its certificates that count, the first one first."""
    found: dict[str, list[str]] = {}
    for chunk in chunks(sorted(keys)):
        for address, fingerprint in connection.execute(_STANDING.where(addresses.c.address.in_(chunk))):
            found.setdefault(address, []).append(fingerprint)
    return found
