"""What is stored of opened mail for a limited time: its identifiers, and to whom a bounce of it is reported.

An identifier is kept as its hash, for `IDENTIFIERS_KEPT` seconds: mail is answered and forwarded long after it came. A
token of a return path is kept as its hash too, for `TOKENS_KEPT` seconds, and counts once a recipient. Old rows are
deleted as new ones are written. Raises `StoreError`: a store that cannot be read never means that a mail was
not opened.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, insert, select, update

from relay.model import Address, Recipient
from relay.model.return_path import Returnable
from relay.store.batch import WriteBatch
from relay.store.database import Database
from relay.store.schema import opened_identifiers, return_tokens
from relay.store.statements import put

DAY = 86400.0
IDENTIFIERS_KEPT = 366 * DAY
TOKENS_KEPT = 30 * DAY
PRUNED_EVERY = 3600.0

_KNOWN = select(
    exists().where(
        opened_identifiers.c.digest.in_(bindparam("digests", expanding=True)),
        opened_identifiers.c.noted > bindparam("after"),
    )
)
_NOTED = put(opened_identifiers)
_EXPECTED = select(return_tokens).where(
    return_tokens.c.digest == bindparam("token"), return_tokens.c.made > bindparam("after")
)


class OpenedMail:
    """The tables `opened_identifier` and `return_token`."""

    def __init__(self, database: Database, batch: WriteBatch, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._batch = batch
        self._clock = clock
        self._pruned = float("-inf")

    async def note(self, identifiers: Iterable[str]) -> None:
        """The mail with these identifiers is opened; on disk when it returns."""
        await self._batch.add(self._note, [_digest(one) for one in identifiers])

    async def knows(self, identifiers: Sequence[str]) -> bool:
        """Whether a mail with one of these was opened."""
        if not identifiers:
            return False
        values = {"digests": [_digest(one) for one in identifiers], "after": self._clock() - IDENTIFIERS_KEPT}
        found: bool = await self._database.read(lambda c: c.execute(_KNOWN, values).scalar_one())
        return bool(found)

    async def expect(self, token: str, returnable: Returnable) -> None:
        """A bounce with this token is about this mail; on disk when it returns."""
        await self._batch.add(self._expect, [_row(token, returnable, self._clock())])

    async def expected(self, token: str) -> Returnable | None:
        """The mail that a bounce with this token is about; None: the token was never given, is used or too old."""
        values = {"token": _digest(token), "after": self._clock() - TOKENS_KEPT}
        row = await self._database.read(lambda c: c.execute(_EXPECTED, values).one_or_none())
        return None if row is None else _returnable(row)

    async def told(self, token: str, recipients: Sequence[Recipient]) -> None:
        """A notice has told of these recipients; the token does nothing for them any more."""
        await self._database.write(lambda c: _take_out(c, _digest(token), {one.address.text for one in recipients}))

    def _note(self, connection: Connection, digests: Sequence[bytes]) -> None:
        now = self._clock()
        once = list(dict.fromkeys(digests))
        connection.execute(_NOTED, [{"digest": one, "noted": now} for one in once])
        self._prune(connection, now)

    def _expect(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        connection.execute(insert(return_tokens), list(rows))
        self._prune(connection, self._clock())

    def _prune(self, connection: Connection, now: float) -> None:
        if now - self._pruned >= PRUNED_EVERY:
            connection.execute(delete(opened_identifiers).where(opened_identifiers.c.noted <= now - IDENTIFIERS_KEPT))
            connection.execute(delete(return_tokens).where(return_tokens.c.made <= now - TOKENS_KEPT))
            self._pruned = now


def _take_out(connection: Connection, digest: bytes, told: Collection[str]) -> None:
    this = return_tokens.c.digest == digest
    row = connection.execute(select(return_tokens.c.recipients, return_tokens.c.told).where(this)).one_or_none()
    left = [each for each in json.loads(row.recipients) if each[0] not in told] if row else []
    if row and left:
        known = json.dumps([*json.loads(row.told), *told])
        connection.execute(update(return_tokens).where(this).values(recipients=json.dumps(left), told=known))
    else:
        connection.execute(delete(return_tokens).where(this))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _row(token: str, mail: Returnable, made: float) -> dict[str, Any]:
    return {
        "digest": _digest(token),
        "id": mail.id,
        "sender": mail.sender.text,
        "recipients": json.dumps([[one.address.text, *one.options] for one in mail.recipients]),
        "told": json.dumps([one.text for one in mail.told]),
        "options": json.dumps(mail.options),
        "header": mail.header,
        "received": mail.received.isoformat(),
        "made": made,
    }


def _returnable(row: Row[Any]) -> Returnable:
    recipients = (Recipient(Address(text), tuple(options)) for text, *options in json.loads(row.recipients))
    return Returnable(
        id=row.id,
        sender=Address(row.sender),
        recipients=tuple(recipients),
        options=tuple(json.loads(row.options)),
        header=bytes(row.header),
        received=datetime.fromisoformat(row.received),
        told=tuple(map(Address, json.loads(row.told))),
    )
