"""Whether this process can work: the store takes rows, the engine answers, the next hop did when last needed.

This is checked every `EVERY` seconds, however often the endpoints are requested. A next hop that failed is tried again
(EHLO, as `check` does): without new mail, nothing else would show that it works again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from relay.daemon.build import Components
from relay.daemon.engines import check_engine
from relay.daemon.resources import Persistence
from relay.model.errors import NextHopError, RelayError
from relay.openpgp import home
from relay.telemetry.observer import Observer

EVERY = 8.0
SOON = 3.0
"""Seconds between two looks while something is lacking."""
WITHIN = 10.0
STORE_WITHIN = 3.0
"""Seconds for a row to be written."""
STARTING = "starting"
STOPPING = "stopping"
NEXT_HOP = "next_hop"


class Health:
    """`lacks` is one word for what does not work; empty: all works."""

    def __init__(self, components: Callable[[], Components], persistence: Persistence, observer: Observer) -> None:
        self._components = components
        self._persistence = persistence
        self._observer = observer
        self._found = STARTING

    @property
    def lacks(self) -> str:
        """The first thing that is missing."""
        return self._found or (NEXT_HOP if self._observer.next_hop_down else "")

    async def watch(self) -> None:
        """Check at intervals until cancelled; after that `lacks` is `stopping`."""
        due = time.monotonic()
        try:
            while True:
                if self.lacks or time.monotonic() >= due:
                    self._found = await self._look()
                    due = time.monotonic() + EVERY
                await asyncio.sleep(SOON)
        finally:
            self._found = STOPPING

    async def _look(self) -> str:
        config = self._components().config
        if not home.is_private(config.keyring):
            return "keyring"
        if not all(_is_socket(Path(place.path)) for place in config.everywhere if place.path):
            return "listen"
        if not await _well(self._write, STORE_WITHIN):
            return "store"
        if not await _well(lambda: check_engine(config)):
            return "engine"
        if self._observer.next_hop_down and await _well(self._components().probe):
            self._observer.next_hop(up=True)
        return ""

    async def _write(self) -> None:
        """Write a row, and the rows that the store has not taken yet: while these wait, no mail is taken.

        A disk that is full may have room for the first and none for the rest. Raises `StoreError`.
        """
        await self._persistence.store.nodes.prove()
        await self._persistence.ledger.write_rest()
        await self._persistence.audit.ready()


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:  # nobody may look into its folder
        return False


async def _well(look: Callable[[], Awaitable[object]], within: float = WITHIN) -> bool:
    try:
        async with asyncio.timeout(within):
            await look()
    except (RelayError, NextHopError, TimeoutError):
        return False
    return True
