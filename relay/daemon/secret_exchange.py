"""Exchanges secret keys with the other nodes, beside mail: once before the node serves, and then every second.

A round costs one short query; none on a node that has no node key. A failure is logged once, and tried again.
"""

from __future__ import annotations

import asyncio
import time

from relay.config import Config
from relay.daemon.secret_sharing import SecretSharing
from relay.model.errors import RelayError, StoreError
from relay.store import Store
from relay.telemetry import events
from relay.telemetry.events import Event

EVERY = 1.0
"""Seconds between two rounds: a certificate that is made on one node waits for the others."""
LOOK_EVERY = 10.0
UNFINISHED_SECONDS = 600.0
"""A removal of a node that takes longer has failed or was interrupted."""


class SecretExchange:
    """Gives this node's secret keys to the other nodes, and takes theirs."""

    def __init__(self, config: Config, store: Store) -> None:
        self._sharing = SecretSharing(config.keyring, store) if store.is_shared else None
        self._removals = store.node_removals
        self._told = ""
        self._look_at = 0.0
        self._unfinished: list[str] = []

    async def round(self) -> None:
        """Take the secret keys that others sent, and send ours, once."""
        if self._sharing is None:
            return
        try:
            await self._sharing.round()
            await self._tell_unfinished()
        except StoreError:
            return  # an outage of the store is logged by those who need it for a mail
        except (RelayError, OSError) as error:  # such as too many open files
            if str(error) != self._told:
                events.log().error(Event.FAILED, **events.unforeseen(error))
            self._told = str(error)
        else:
            self._told = ""

    async def _tell_unfinished(self) -> None:
        """Log each unfinished removal once, so that somebody runs the command again."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY
        found = await self._removals.unfinished(UNFINISHED_SECONDS)
        for node in [node for node in found if node not in self._unfinished]:
            events.log().warning(Event.REMOVAL_UNFINISHED, node=node, reason=f"pgp-relay node remove {node}")
        self._unfinished = found

    async def watch(self) -> None:
        """Exchange secret keys at intervals, until cancelled."""
        while self._sharing is not None:
            await asyncio.sleep(EVERY)
            await self.round()
