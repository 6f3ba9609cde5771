"""Where the store of a configuration is, and the store opened for a command.

Apart from `relay.daemon.resources`, which loads engines and sources: most commands need the store alone.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.config import Config
from relay.openpgp import home
from relay.store import Network, Store

STORE = "store.db"
OTHERS = 3
"""Connections of a process to PostgreSQL that do not read: two that write, and one for the transactions in hand."""
LAST_RETRY = 86400.0
"""Seconds: Postfix tries once more after the time that a mail may wait, and who was served has to be known then too."""


def store_place(config: Config) -> str | Path:
    """The URL of the store, or the path of its file."""
    return config.database or config.keyring / STORE


def node_name(config: Config) -> str:
    """The name of this machine among those that share the database."""
    return config.node or socket.gethostname()


def network(config: Config) -> Network:
    """How to reach a database on another machine: this node's name, connections for reading, the password's file."""
    return Network(node_name(config), config.database_connections - OTHERS, config.database_password_file)


@asynccontextmanager
async def opened_store(config: Config) -> AsyncIterator[Store]:
    """Open the store of this configuration for the time of an `async with`; makes the keyring folder ready."""
    home.prepare(config.keyring)
    kept = config.notices.waits + LAST_RETRY
    store = await Store.open(
        store_place(config), busy_seconds=config.deadlines.store, ledger_kept=kept, network=network(config)
    )
    try:
        yield store
    finally:
        await store.close()
