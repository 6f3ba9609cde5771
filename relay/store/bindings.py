"""The table of bindings: which keys mail to an address or a domain is encrypted to.

All of them are kept in memory, so that a lookup costs the same with none and with ten thousand. Every change gives the
table a new random token, which each message reads (`relay.store.state_tokens`): what any process changes counts for
every message that comes later. Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from relay.model import Address
from relay.model.binding import Binding, BindingTable
from relay.model.errors import StoreError
from relay.model.key_change import UPKEEP, KeyChange
from relay.store import key_changes
from relay.store.database import Database
from relay.store.schema import bindings, state
from relay.store.state_tokens import StateTokens
from relay.store.statements import chunks

_TOKEN = "bindings"  # noqa: S105 - the name of a row that tells states of the table apart, no secret
_ALL = select(bindings.c.pattern, bindings.c.fingerprints, bindings.c.signs).order_by(bindings.c.pattern)


class Bindings:
    """The bindings: looked up for every mail, changed by people."""

    def __init__(self, database: Database, tokens: StateTokens, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._known = BindingTable()
        self._token: bytes | None = None
        self._looking = asyncio.Lock()

    async def of(self, address: Address) -> Binding | None:
        """The one that counts for this address: its own, else that with the longest domain."""
        return (await self._current()).of(address)

    async def all(self) -> list[Binding]:
        """All bindings, sorted by pattern."""
        return _read(await self._database.read(lambda c: c.execute(_ALL).all()))

    async def put(self, wanted: Sequence[Binding], *, actor: str = UPKEEP) -> None:
        """Store all of them in one transaction, each in place of what its pattern had."""
        now = self._clock()
        rows = [{"pattern": b.pattern, "fingerprints": json.dumps(b.fingerprints), "signs": b.signs} for b in wanted]

        def write(connection: Connection) -> None:
            before = _named(connection, [binding.pattern for binding in wanted])
            for pattern in before:
                connection.execute(delete(bindings).where(bindings.c.pattern == pattern))
            connection.execute(insert(bindings), rows)
            _changed(connection)
            changes = [
                KeyChange(now, actor, b.pattern, before.get(b.pattern, ""), " ".join(b.fingerprints), "bound")
                for b in wanted
            ]
            key_changes.write(connection, changes)

        if rows:
            await self._database.write(write)
        self._tokens.forget()

    async def drop(self, pattern: str, *, actor: str = UPKEEP) -> bool:
        """Take one out; whether it was there."""
        now = self._clock()

        def write(connection: Connection) -> bool:
            before = _named(connection, [pattern])
            connection.execute(delete(bindings).where(bindings.c.pattern == pattern))
            _changed(connection)
            changes = [KeyChange(now, actor, pattern, old, "", "unbound") for old in before.values()]
            key_changes.write(connection, changes)
            return bool(before)

        dropped = await self._database.write(write)
        self._tokens.forget()
        return dropped

    async def holding(self, fingerprints: Collection[str]) -> list[Binding]:
        """Those with one of these keys."""
        return [binding for binding in await self.all() if not set(binding.fingerprints).isdisjoint(fingerprints)]

    async def _current(self) -> BindingTable:
        if await self._tokens.of(_TOKEN) != self._token:
            async with self._looking:  # one query for all who wait
                await self._look()
        return self._known

    async def _look(self) -> None:
        token = await self._tokens.of(_TOKEN)
        if token != self._token:  # rows that are newer than the token are read once more, when it is seen to differ
            self._known = BindingTable(await self.all())
            self._token = token


def _read(rows: Sequence[Any]) -> list[Binding]:
    try:
        return [Binding(pattern, tuple(json.loads(keys)), bool(signs)) for pattern, keys, signs in rows]
    except (ValueError, TypeError):
        raise StoreError("a binding in the store cannot be read") from None


def _named(connection: Connection, patterns: Sequence[str]) -> dict[str, str]:
    """Of those of these patterns that are bound, the fingerprints with blanks between them."""
    found: dict[str, str] = {}
    for chunk in chunks(patterns):
        wanted = _ALL.where(bindings.c.pattern.in_(chunk))
        found.update((b.pattern, " ".join(b.fingerprints)) for b in _read(connection.execute(wanted).all()))
    return found


def _changed(connection: Connection) -> None:
    connection.execute(delete(state).where(state.c.name == _TOKEN))
    connection.execute(insert(state), {"name": _TOKEN, "value": os.urandom(16)})
