"""The store copied to another database: from SQLite to PostgreSQL, and back.

Raises `StoreError`, and then the target is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay.config import Config
from relay.daemon.storage import network, opened_store, store_place
from relay.model.errors import StoreError
from relay.store import Logged, Store, snapshot, transfer


@dataclass(frozen=True, slots=True)
class Copied:
    """The result: what both stores contain now."""

    rows: dict[str, int]
    """Of each table."""
    heads: tuple[Logged, ...]
    """The newest row of each chain of the trace."""


async def copy(config: Config, to: str) -> Copied:
    """Copy all of the store that this configuration names into an empty one; it is made where it is not there yet."""
    here, there = snapshot.place(store_place(config)), snapshot.place(to)
    if (here is None) == (there is None):
        raise StoreError("a store is copied from SQLite to PostgreSQL, or back: name the other kind")
    async with opened_store(config) as source, await Store.open(to, network=network(config)) as target:
        before = await _heads(source)
        rows = await (_to_server(here, target) if here else _to_file(source, there))
        after = await _heads(target)
    if missing := set(before) - set(after):
        raise StoreError(f"rows were added to the trace, up to {max(map(str, missing))}: stop the relay first")
    return Copied(rows, after)


async def _to_server(file: Path, server: Store) -> dict[str, int]:
    return await transfer.to_server(file, server.database)


async def _to_file(server: Store, file: Path | None) -> dict[str, int]:
    if file is None:
        raise StoreError("the target is no file")
    return await transfer.to_file(server.database, file)


async def _heads(store: Store) -> tuple[Logged, ...]:
    """Of a trace that holds."""
    verdict = await store.trace.verify()
    if verdict.faulty:
        raise StoreError(f"the trace does not verify, row {verdict.number}: {verdict.fault}")
    return tuple(Logged(each.head, each.name) for each in verdict.chains if each.head.number)
