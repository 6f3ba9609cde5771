"""The decisions of administrators about certificates: approved, bound or rejected. Functions that take a connection."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from relay.store.schema import approved, bindings, rejected
from relay.store.statements import chunks


def is_approved(connection: Connection, fingerprint: str) -> bool:
    """Whether a person approved it although another key of the address was imported."""
    wanted = select(approved.c.fingerprint).where(approved.c.fingerprint == fingerprint)
    return connection.execute(wanted).first() is not None


def is_bound(connection: Connection, fingerprint: str) -> bool:
    """Whether a binding names this certificate."""
    wanted = select(bindings.c.pattern).where(bindings.c.fingerprints.contains(fingerprint, autoescape=True))
    return connection.execute(wanted.limit(1)).first() is not None


def is_rejected(connection: Connection, fingerprint: str) -> bool:
    """Whether a person rejected this certificate."""
    return bool(rejected_of(connection, [fingerprint]))


def rejected_of(connection: Connection, fingerprints: Collection[str]) -> list[str]:
    """Those of these fingerprints that a person rejected."""
    found: list[str] = []
    for chunk in chunks(fingerprints):
        found.extend(
            connection.execute(select(rejected.c.fingerprint).where(rejected.c.fingerprint.in_(chunk))).scalars()
        )
    return found
