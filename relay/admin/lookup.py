"""What each source of keys says of an address. What is found counts from then on, as for a mail.

Raises `StoreError` and `EngineError`.
"""

from __future__ import annotations

from relay.config import Config
from relay.daemon.resources import opened_resolver
from relay.keys.asking import SourceReport
from relay.keys.cached_answers import Refresh
from relay.model import Address


async def ask_sources(config: Config, address: Address, *, fresh: bool = False) -> list[SourceReport]:
    """The answer of each source, in their order; with `fresh` each is asked now, whatever is remembered."""
    async with opened_resolver(config) as resolver:
        return await resolver.ask_each(address, Refresh.ALWAYS if fresh else Refresh.WHEN_STALE)
