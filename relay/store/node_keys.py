"""What nodes exchange about keys: their own public keys, statements about those of others, and secret keys.

Nothing here is secret or trusted: secret keys are encrypted to the node that takes them, and statements are signed
(`relay.openpgp.node_key`). Raises `StoreError`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, delete, func, select

from relay.model.node_key import NodeKey
from relay.store.database import Database
from relay.store.schema import node_keys, node_parcels, node_secrets, node_statements
from relay.store.statements import add, put

MOST_STATEMENTS = 1000
MOST_PARCELS = 8
"""The most parcels that are fetched at a time."""
AT_ONCE = 500
"""The most names in one query."""

_PUT_KEY = put(node_keys)
_ADD_STATEMENT = add(node_statements)
_ADD_PARCEL = add(node_parcels)
_ADD_SECRET = add(node_secrets)
_PUT_SECRET = put(node_secrets)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Values that change when there is something for a node to learn, to take or to give."""

    statements: int
    parcels: int
    """The number of parcels for this node."""
    keys: tuple[str, ...]


class NodeKeys:
    """The tables `node_key`, `node_statement`, `node_parcel` and `node_secret`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def stamp(self, fingerprint: str) -> Stamp:
        """The stamp for the node with this key."""

        def look(connection: Connection) -> Stamp:
            parcels = select(func.count()).where(node_parcels.c.fingerprint == fingerprint)
            statements = connection.execute(select(func.count()).select_from(node_statements)).scalar_one()
            keys = connection.execute(select(node_keys.c.fingerprint).order_by(node_keys.c.node)).scalars()
            return Stamp(int(statements), int(connection.execute(parcels).scalar_one()), tuple(keys))

        return await self._database.read(look)

    async def all(self) -> list[NodeKey]:
        """The keys that nodes have published, by node."""
        wanted = select(node_keys).order_by(node_keys.c.node)
        rows = await self._database.read(lambda c: c.execute(wanted).all())
        return [NodeKey(row.node, row.fingerprint, bytes(row.certificate)) for row in rows]

    async def show(self, key: NodeKey) -> None:
        """Publish the key of this node, in place of an earlier one."""
        row = {"node": key.node, "fingerprint": key.fingerprint, "certificate": key.certificate}
        await self._database.write(lambda c: c.execute(_PUT_KEY, row), "node")

    async def statements(self) -> list[bytes]:
        """All statements, as signed messages."""
        wanted = select(node_statements.c.data).order_by(node_statements.c.id).limit(MOST_STATEMENTS)
        return [bytes(data) for data in await self._database.read(lambda c: c.execute(wanted).scalars().all())]

    async def say(self, data: bytes) -> None:
        """Store one more statement."""
        row = {"id": hashlib.sha256(data).hexdigest(), "data": data}
        await self._database.write(lambda c: c.execute(_ADD_STATEMENT, row), "node")

    async def given(self, fingerprint: str) -> frozenset[str]:
        """The names of the secret keys that the node with this key has, or that are on their way to it."""
        wanted = select(node_secrets.c.name).where(node_secrets.c.fingerprint == fingerprint)
        return frozenset(await self._database.read(lambda c: c.execute(wanted).scalars().all()))

    async def held(self, fingerprint: str) -> int:
        """The number of secret keys that the node with this key has reported."""
        wanted = select(func.count()).where(node_secrets.c.fingerprint == fingerprint, node_secrets.c.held)
        return int(await self._database.read(lambda c: c.execute(wanted).scalar_one()))

    async def holds(self, fingerprint: str, names: Collection[str]) -> bool:
        """Whether the node has reported that it has all of these secret keys."""
        wanted = sorted(names)
        mine = (node_secrets.c.fingerprint == fingerprint, node_secrets.c.held)

        def count(connection: Connection) -> int:
            pages = (wanted[at : at + AT_ONCE] for at in range(0, len(wanted), AT_ONCE))
            counted = (select(func.count()).where(*mine, node_secrets.c.name.in_(page)) for page in pages)
            return sum(int(connection.execute(each).scalar_one()) for each in counted)

        return await self._database.read(count) == len(wanted)

    async def send(self, sender: str, fingerprint: str, names: Collection[str], data: bytes) -> None:
        """Store a parcel for the node with this key; the node with the key `sender` has what is in it."""
        parcel = {"id": uuid4().hex, "fingerprint": fingerprint, "data": data, "made": self._clock()}
        rows = _rows(fingerprint, names, held=False)

        def write(connection: Connection) -> None:
            connection.execute(_ADD_PARCEL, parcel)
            if rows:
                connection.execute(_ADD_SECRET, rows)
            _hold(connection, sender, names)

        await self._database.write(write, "node")

    async def parcels(self, fingerprint: str, without: Collection[str] = ()) -> Mapping[str, bytes]:
        """Parcels for the node with this key, without these ids; a limited number: id to encrypted content."""
        wanted = (
            select(node_parcels.c.id, node_parcels.c.data)
            .where(node_parcels.c.fingerprint == fingerprint, node_parcels.c.id.not_in(list(without)))
            .order_by(node_parcels.c.made)
            .limit(MOST_PARCELS)
        )
        rows = await self._database.read(lambda c: c.execute(wanted).all())
        return {row.id: bytes(row.data) for row in rows}

    async def taken(self, fingerprint: str, parcels: Collection[str], names: Collection[str]) -> None:
        """Delete these parcels, which were taken or cannot be decrypted; note which secret keys are here now."""

        def write(connection: Connection) -> None:
            connection.execute(delete(node_parcels).where(node_parcels.c.id.in_(list(parcels))))
            _hold(connection, fingerprint, names)

        await self._database.write(write, "node")

    async def equalise(self, fingerprint: str, names: Collection[str], kept: str) -> None:
        """Note that the node has these and no others, but for names that begin with `kept`.

        What was on its way in a parcel that is gone is not there either, and is sent again.
        """
        mine = select(node_secrets.c.name, node_secrets.c.held).where(node_secrets.c.fingerprint == fingerprint)
        waiting = select(func.count()).where(node_parcels.c.fingerprint == fingerprint)

        def write(connection: Connection) -> None:
            known = {row.name: row.held for row in connection.execute(mine)}
            on_its_way = connection.execute(waiting).scalar_one() > 0
            gone = [
                name
                for name, held in known.items()
                if name not in names and (not name.startswith(kept) if held else not on_its_way)
            ]
            _forget(connection, fingerprint, gone)
            _hold(connection, fingerprint, [name for name in names if not known.get(name)])

        await self._database.write(write, "node")

    async def forget(self, node: str, fingerprints: Collection[str]) -> None:
        """Delete all that is stored of a node with these keys."""

        def write(connection: Connection) -> None:
            connection.execute(delete(node_keys).where(node_keys.c.node == node))
            for table in (node_parcels, node_secrets):
                connection.execute(delete(table).where(table.c.fingerprint.in_(list(fingerprints))))

        await self._database.write(write, "node")


def _hold(connection: Connection, fingerprint: str, names: Collection[str]) -> None:
    if rows := _rows(fingerprint, names, held=True):
        connection.execute(_PUT_SECRET, rows)


def _forget(connection: Connection, fingerprint: str, names: Sequence[str]) -> None:
    for at in range(0, len(names), AT_ONCE):
        page = node_secrets.c.name.in_(names[at : at + AT_ONCE])
        connection.execute(delete(node_secrets).where(node_secrets.c.fingerprint == fingerprint, page))


def _rows(fingerprint: str, names: Collection[str], *, held: bool) -> list[dict[str, object]]:
    return [{"fingerprint": fingerprint, "name": name, "held": held} for name in sorted(names)]
