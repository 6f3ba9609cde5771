"""What is open while a command or the relay works: the store, ledger and audit, the resolver over all sources.

Each is closed at the end. Raises `StoreError` and `EngineError` where the keyring folder or the store cannot be used,
`ConfigError` for a source that cannot be made. `relay.daemon.build`, which builds the rest, takes much longer to load.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from relay.config import Config
from relay.daemon.engines import build_pooled_examiner
from relay.daemon.storage import opened_store
from relay.keys.factory import build_resolver
from relay.keys.resolver import Resolver
from relay.pipeline.audit import Audit
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.transaction_lock import TransactionLocks
from relay.process import pool
from relay.store import Store
from relay.telemetry import events, log_output
from relay.telemetry.events import Event

TURNS = "turns"


@dataclass(frozen=True, slots=True)
class Persistence:
    """What outlives a reload: store, ledger and audit with what they have not written yet, and what will be deleted."""

    store: Store
    ledger: BufferedLedger
    audit: Audit
    past_subkeys: dict[str, float] = field(default_factory=dict)
    """Own encryption subkeys past their time, and since when: a reload does not restart this count."""


@asynccontextmanager
async def opened_persistence(config: Config) -> AsyncIterator[Persistence]:
    """The store with ledger and trace, as the pipeline uses them."""
    async with opened_store(config) as store:
        elsewhere = await store.turns(lambda mails: events.log().warning(Event.LOCKS_LOST, mails=mails))
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
    log_output.configure(level="error")
    async with opened_store(config) as store:
        resolver = build_resolver(config, store, lambda: build_pooled_examiner(config))
        try:
            yield resolver
        finally:
            await resolver.close()
            pool.stop()
