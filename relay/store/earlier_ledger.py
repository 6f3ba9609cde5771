"""Rows of the ledger as version 0.1.0 wrote them (a step of the schema).

Mails that it had put off are tried again after the upgrade. Whoever it had served is not served again, and a sender who
knows that a mail waits is not told again.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select, update

from relay.model.ledger_key import renamed
from relay.store.schema import ledger


def rename(connection: Connection) -> None:
    """Give its rows the names that are looked for now."""
    rows = connection.execute(select(ledger.c.digest, ledger.c.recipient)).all()
    change = update(ledger).where(ledger.c.digest == bindparam("of"), ledger.c.recipient == bindparam("before"))
    names = [{"of": row.digest, "before": row.recipient, "name": renamed(row.recipient)} for row in rows]
    if names:
        connection.execute(change.values(recipient=bindparam("name")), names)
