"""The indexes of certificates that one statement for both databases cannot make (a step of the schema)."""

from __future__ import annotations

import json

from sqlalchemy import Connection, insert, select

from relay.model import user_id
from relay.store.schema import addresses, certificates

PAGE = 500


def certificates_as_they_are_searched(connection: Connection) -> None:
    """Index what people and incoming mail search by."""
    _shown_addresses(connection)
    if connection.dialect.name == "sqlite":  # PostgreSQL indexes no text over 2704 octets, and keeps octets elsewhere
        connection.exec_driver_sql("CREATE INDEX certificate_text ON certificate (verdict, fingerprint)")


def _shown_addresses(connection: Connection) -> None:
    """Index every address that a reader sees; version 0.1.0 indexed one of each user id.

    The stored verdicts stay as they are. They are read again where they are used (`verdict.NOT_ANY_MORE`).
    """
    wanted = select(certificates.c.fingerprint, certificates.c.verdict).order_by(certificates.c.fingerprint).limit(PAGE)
    after = ""
    while page := connection.execute(wanted.where(certificates.c.fingerprint > after)).all():
        for row in page:
            _index(connection, row.fingerprint, row.verdict)
        after = page[-1].fingerprint


def _index(connection: Connection, fingerprint: str, verdict: str) -> None:
    texts = [text for text, *_ in json.loads(verdict)[2]]
    keys = {address.key for text in texts for address in user_id.addresses(text)}
    stored = select(addresses.c.address).where(addresses.c.fingerprint == fingerprint)
    missing = keys.difference(connection.execute(stored).scalars())
    if missing:
        connection.execute(insert(addresses), [{"address": key, "fingerprint": fingerprint} for key in missing])
