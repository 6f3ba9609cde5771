"""What is open while a command or the relay works: the store, the books over it, the resolver over all sources.

Each is closed at the end. Raises `StoreError` and `EngineError` where the keyring folder or the store cannot be used,
`ConfigError` for a source that cannot be made. `relay.daemon.build`, which builds the rest, takes much longer to load.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from relay.config import Config
from relay.daemon.engines import build_pooled_examiner
from relay.keys.factory import build_resolver
from relay.keys.resolver import Resolver
from relay.openpgp import home
from relay.pipeline.audit import Audit
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.transaction_lock import TransactionLocks
from relay.process import pool
from relay.store import Network, Store
from relay.telemetry import events

STORE = "store.db"
TURNS = "turns"
OTHERS = 3
"""Connections of a process to PostgreSQL that do not read: two that write, and one for the transactions in hand."""
LAST_RETRY = 86400.0
"""Seconds: Postfix tries once more after the time that a mail may wait, and who was served has to be known then too."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """What outlives a reload: store, ledger and audit with what they have not written yet, and what will be deleted."""

    store: Store
    ledger: BufferedLedger
    audit: Audit
    past_subkeys: dict[str, float] = field(default_factory=dict)
    """Own encryption subkeys past their time, and since when: a reload does not begin anew with them."""


def store_place(config: Config) -> str | Path:
    """The store's URL, or its file."""
    return config.database or config.keyring / STORE


def node_name(config: Config) -> str:
    """What this machine is called among those that share the database."""
    return config.node or socket.gethostname()


def network(config: Config) -> Network:
    """How a database on another machine is reached."""
    return Network(node_name(config), config.database_connections - OTHERS, config.database_password_file)


@asynccontextmanager
async def opened_store(config: Config) -> AsyncIterator[Store]:
    """The store of this configuration, with the keyring folder made ready."""
    home.prepare(config.keyring)
    kept = config.notices.waits + LAST_RETRY
    store = await Store.open(
        store_place(config), busy_seconds=config.deadlines.store, ledger_kept=kept, network=network(config)
    )
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_persistence(config: Config) -> AsyncIterator[Persistence]:
    """The store with ledger and trace, as the pipeline uses them."""
    async with opened_store(config) as store:
        elsewhere = await store.turns()
        locks = TransactionLocks.at(config.keyring / TURNS, elsewhere)
        try:
            yield Persistence(store, BufferedLedger(store.ledger, locks), Audit(store.trace))
        finally:
            locks.close()
            if elsewhere:
                await elsewhere.close()


@asynccontextmanager
async def opened_resolver(config: Config) -> AsyncIterator[Resolver]:
    """Keyring and sources, for commands that look up. They log errors alone: standard output is for results."""
    events.configure(level="error")
    async with opened_store(config) as store:
        resolver = build_resolver(config, store, lambda: build_pooled_examiner(config))
        try:
            yield resolver
        finally:
            await resolver.close()
            pool.stop()
