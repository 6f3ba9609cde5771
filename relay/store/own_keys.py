"""The certificates of our own addresses, who may open mail for whom, and which subkeys were deleted.

A deleted encryption subkey leaves a tombstone, so that neither a restored backup nor a node that comes back brings
it to life again. Raises `StoreError`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, select

from relay.model import Address
from relay.model.own import OwnKey, OwnState, OwnSubkey
from relay.store.database import Database
from relay.store.own_key_rows import COLUMNS, to_key, to_row
from relay.store.schema import own_allowed, own_deleted, own_keys, own_organisation, own_subkeys


class OwnKeys:
    """The tables `own_key`, `own_subkey`, `own_allowed` and `own_deleted`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def organisation(self) -> str | None:
        """The fingerprint of the organisation's key; None: there is none yet."""
        wanted = select(own_organisation.c.fingerprint)
        found: str | None = await self._database.read(lambda c: c.execute(wanted).scalar_one_or_none())
        return found

    async def set_organisation(self, fingerprint: str) -> None:
        """Write it down, in place of another."""

        def put(connection: Connection) -> None:
            connection.execute(delete(own_organisation))
            connection.execute(insert(own_organisation), {"fingerprint": fingerprint})

        await self._database.write(put)

    async def get(self, address: Address) -> OwnKey | None:
        """That of this address, whatever its state."""
        wanted = select(*COLUMNS).where(own_keys.c.address == address.key)
        row = await self._database.read(lambda c: c.execute(wanted).one_or_none())
        return None if row is None else to_key(row)

    async def all(self) -> list[OwnKey]:
        """Every one, sorted by address."""
        wanted = select(*COLUMNS).order_by(own_keys.c.address)
        return [to_key(row) for row in await self._database.read(lambda c: c.execute(wanted).all())]

    async def named(self, key_ids: Iterable[str]) -> list[OwnKey]:
        """Those with an encryption subkey of one of these key ids, deleted ones too; sorted by address."""
        whose = select(own_subkeys.c.address).where(own_subkeys.c.key_id.in_(list(key_ids)))
        wanted = select(*COLUMNS).where(own_keys.c.address.in_(whose)).order_by(own_keys.c.address)
        return [to_key(row) for row in await self._database.read(lambda c: c.execute(wanted).all())]

    async def summary(self) -> tuple[int, ...]:
        """Numbers that change when what is published of the certificates does."""
        listed = case((own_keys.c.listed, 1), else_=0)
        sums = (func.length(own_keys.c.data), own_keys.c.newest, own_keys.c.created, own_keys.c.changed, listed)
        wanted = select(func.count(), *(func.coalesce(func.sum(each), 0) for each in sums))
        return tuple(int(each) for each in await self._database.read(lambda c: c.execute(wanted).one()))

    async def due(self, before: float) -> list[OwnKey]:
        """Active ones whose newest encryption subkey was made before that time."""
        wanted = select(*COLUMNS).where(
            own_keys.c.newest < math.ceil(before), own_keys.c.state == OwnState.ACTIVE.value
        )
        return [to_key(row) for row in await self._database.read(lambda c: c.execute(wanted).all())]

    async def put(self, keys: Sequence[OwnKey]) -> None:
        """Store them, in place of what their addresses had."""
        if keys:
            await self._database.write(lambda c: _put(c, keys))

    async def put_after(self, earlier: OwnKey, later: OwnKey) -> bool:
        """Store `later` in place of `earlier`; False, and nothing is changed, where something else is there by now."""
        same = (
            own_keys.c.address == earlier.address.key,
            own_keys.c.data == earlier.data,
            own_keys.c.state == earlier.state.value,
        )

        def write(connection: Connection) -> bool:
            if connection.execute(delete(own_keys).where(*same)).rowcount != 1:
                return False
            _put(connection, [later])
            return True

        return await self._database.write(write)

    async def put_first(self, keys: Sequence[OwnKey]) -> list[OwnKey]:
        """Store those whose address has no active certificate; what is stored for these addresses afterwards."""
        theirs = own_keys.c.address.in_([key.address.key for key in keys])
        active = select(own_keys.c.address).where(theirs, own_keys.c.state == OwnState.ACTIVE.value)

        def write(connection: Connection) -> Sequence[Any]:
            there = set(connection.execute(active).scalars().all())
            _put(connection, [key for key in keys if key.address.key not in there])
            return connection.execute(select(*COLUMNS).where(theirs).order_by(own_keys.c.address)).all()

        return [to_key(row) for row in await self._database.write(write)] if keys else []

    async def drop(self, address: Address) -> None:
        """Forget the certificate of this address and who may open mail for it."""

        def write(connection: Connection) -> None:
            for table in (own_keys, own_subkeys, own_allowed):
                connection.execute(delete(table).where(table.c.address == address.key))

        await self._database.write(write)

    async def allow(self, address: Address, others: Iterable[Address]) -> None:
        """Mail encrypted to a key of `others` may be opened for `address`."""
        pairs = [{"address": address.key, "other": other.key} for other in others]

        def write(connection: Connection) -> None:
            _disallow(connection, pairs)
            connection.execute(insert(own_allowed), pairs)

        await self._database.write(write)

    async def disallow(self, address: Address, others: Iterable[Address]) -> None:
        """Mail encrypted to a key of `others` may not be opened for `address` any more."""
        pairs = [{"address": address.key, "other": other.key} for other in others]
        await self._database.write(lambda c: _disallow(c, pairs))

    async def allowed(self, address: Address) -> list[Address]:
        """Whose keys open mail for `address`, beside its own."""
        wanted = select(own_allowed.c.other).where(own_allowed.c.address == address.key).order_by(own_allowed.c.other)
        return [Address(text) for text in await self._database.read(lambda c: c.execute(wanted).scalars().all())]

    async def bury(self, subkeys: Sequence[OwnSubkey]) -> None:
        """Note that the secret parts of these encryption subkeys are deleted for good."""
        now = self._clock()
        rows = [{"fingerprint": one.fingerprint, "keygrip": one.keygrip, "deleted": now} for one in subkeys]

        def write(connection: Connection) -> None:
            connection.execute(
                delete(own_deleted).where(own_deleted.c.fingerprint.in_([row["fingerprint"] for row in rows]))
            )
            connection.execute(insert(own_deleted), rows)

        if rows:
            await self._database.write(write)

    async def buried_keygrips(self) -> frozenset[str]:
        """The keygrips of all subkeys that have a tombstone."""
        wanted = select(own_deleted.c.keygrip)
        return frozenset(await self._database.read(lambda c: c.execute(wanted).scalars().all()))

    async def deleted(self, subkeys: Iterable[str]) -> frozenset[str]:
        """Those of these that have a tombstone."""
        wanted = select(own_deleted.c.fingerprint).where(own_deleted.c.fingerprint.in_(list(subkeys)))
        return frozenset(await self._database.read(lambda c: c.execute(wanted).scalars().all()))


def _put(connection: Connection, keys: Sequence[OwnKey]) -> None:
    """In place of what their addresses had, with what a message names them by."""
    named = [{"key_id": one.key_id, "address": key.address.key} for key in keys for one in key.subkeys]
    for table in (own_keys, own_subkeys):
        connection.execute(delete(table).where(table.c.address.in_([key.address.key for key in keys])))
    if keys:
        connection.execute(insert(own_keys), [to_row(key) for key in keys])
        connection.execute(insert(own_subkeys), named)


def _disallow(connection: Connection, pairs: Sequence[dict[str, str]]) -> None:
    for pair in pairs:
        connection.execute(
            delete(own_allowed).where(own_allowed.c.address == pair["address"], own_allowed.c.other == pair["other"])
        )
