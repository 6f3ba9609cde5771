"""How the relay that runs is doing, as it says itself, and which keys end soon.

Raises `RelayError` where its socket cannot be used or what answers is no relay of this version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.admin import keys
from relay.config import Config
from relay.daemon.resources import opened_store
from relay.model import Entry
from relay.model.errors import RelayError
from relay.telemetry.status_client import ask

SOON = 30 * 24 * 3600.0
"""Seconds before its end from which a key is told of."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The keys that end soon."""

    entries: Sequence[Entry] = ()
    unread: str | None = None
    """Why they cannot be told."""


async def running(config: Config) -> Mapping[str, Any] | None:
    """What the relay with this keyring folder says; None where none runs."""
    return await ask(config.keyring)


async def ending(config: Config) -> Ending:
    """The keys that end within 30 days, the next first."""
    try:
        async with opened_store(config) as store:
            return Ending(await keys.expiring(store, SOON))
    except RelayError as error:
        return Ending(unread=str(error))
