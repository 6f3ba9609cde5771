"""The objects that the public web service shows. Raises `StoreError`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from relay.model.public import ObjectFacts, ObjectKind, PublicObject
from relay.store.batch import WriteBatch
from relay.store.database import Database
from relay.store.public_schema import objects
from relay.store.statements import put

_OBJECT = (objects.c.octets, objects.c.expires, objects.c.active, objects.c.proof)
_FACTS = (objects.c.id, objects.c.digest, objects.c.size, objects.c.expires, objects.c.active)
_VISIBLE = (
    objects.c.kind == bindparam("kind"),
    objects.c.id == bindparam("name"),
    objects.c.active,
    or_(objects.c.expires.is_(None), objects.c.expires > bindparam("now")),
)
_SHOWN = select(*_OBJECT).where(*_VISIBLE)  # made once: making a statement costs more than SQLite's work
_SHOWN_FACTS = select(*_FACTS).where(*_VISIBLE)
_SHOWN_PROOF = select(objects.c.proof).where(*_VISIBLE)


class PublicObjects:
    """What the public web service shows, in the table `public_object`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._batch = WriteBatch(database)
        self.changes = 0
        """How often this process has written here: what it has read before may be out of date."""
        self._clock = clock

    async def shown(self, kind: ObjectKind, name: str) -> PublicObject | None:
        """What a visitor gets: active and not expired."""
        row = await self._read(_SHOWN, kind, name)
        return None if row is None else PublicObject(kind, name, bytes(row[0]), row[1], row[2], bytes(row[3]))

    async def facts(self, kind: ObjectKind, name: str) -> ObjectFacts | None:
        """The same without its octets."""
        row = await self._read(_SHOWN_FACTS, kind, name)
        return None if row is None else ObjectFacts(*row)

    async def proof(self, kind: ObjectKind, name: str) -> bytes | None:
        """SHA-256 of the token that proves that it was read; None where visitors do not see it."""
        row = await self._read(_SHOWN_PROOF, kind, name)
        return None if row is None else bytes(row[0])

    async def listed(self, kind: ObjectKind, after: str, limit: int) -> list[ObjectFacts]:
        """So many, sorted by id, that come after this one; inactive and expired ones too."""
        wanted = select(*_FACTS).where(objects.c.kind == kind.value, objects.c.id > after)
        wanted = wanted.order_by(objects.c.id).limit(limit)
        rows = await self._database.read(lambda c: c.execute(wanted).all())
        return [ObjectFacts(*row) for row in rows]

    async def count(self, kind: ObjectKind) -> int:
        """How many of a kind there are, inactive and expired ones too."""
        wanted = select(func.count()).select_from(objects).where(objects.c.kind == kind.value)
        return int(await self._database.read(lambda c: c.execute(wanted).scalar_one()))

    async def put(self, one: PublicObject) -> None:
        """Keep it, in place of what had its kind and id."""
        await self._batch.add(_put, [_row(one)])
        self.changes += 1

    async def activate(self, kind: ObjectKind, name: str) -> bool:
        """Show an object to visitors from now on; False where it is not there."""
        return await self._change(kind, name, active=True)

    async def expire(self, kind: ObjectKind, name: str, expires: int | None) -> bool:
        """Set when an object ends, in seconds since the epoch; False where it is not there."""
        return await self._change(kind, name, expires=expires)

    async def remove(self, kind: ObjectKind, name: str) -> bool:
        """Remove an object; False where it was not there."""
        return bool(await self._written(delete(objects).where(_is(kind, name))))

    async def sweep(self) -> int:
        """Remove what has expired; how many."""
        over = objects.c.expires <= int(self._clock())
        return await self._written(delete(objects).where(over))

    async def _read(self, wanted: Select[Any], kind: ObjectKind, name: str) -> Sequence[Any] | None:
        values = {"kind": kind.value, "name": name, "now": int(self._clock())}
        return await self._database.read(lambda c: c.execute(wanted, values).one_or_none())

    async def _change(self, kind: ObjectKind, name: str, **values: Any) -> bool:  # noqa: ANN401  values of columns
        return bool(await self._written(update(objects).where(_is(kind, name)).values(**values)))

    async def _written(self, wanted: Delete | Update) -> int:
        """How many rows it has changed."""
        count = int(await self._database.write(lambda c: c.execute(wanted).rowcount))
        self.changes += bool(count)
        return count


_PUT = put(objects)


def _is(kind: ObjectKind, name: str) -> ColumnElement[bool]:
    return and_(objects.c.kind == kind.value, objects.c.id == name)


def _row(one: PublicObject) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "id": one.id,
        "octets": one.octets,
        "digest": hashlib.sha256(one.octets).hexdigest(),
        "size": len(one.octets),
        "expires": one.expires,
        "active": one.active,
        "proof": one.proof,
    }


def _put(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    last = {(row["kind"], row["id"]): row for row in rows}
    connection.execute(_PUT, list(last.values()))
