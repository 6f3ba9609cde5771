"""WKD as a source of the chain (draft-koch-openpgp-webkey-service-21): what was fetched, judged.

`fetch` says what is NotFound and what an outage. `lookup` never raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from relay.keys.wkd.judge import DocumentJudge
from relay.keys.wkd.port import Document, Fetch
from relay.keys.wkd.reason import NAME
from relay.model import Address, Lookup, Origin
from relay.pipeline.ports import Examiner


class Wkd:
    """The source. One for a process; `close` when it ends."""

    def __init__(
        self,
        examiner: Examiner,
        fetch: Fetch,
        clock: Callable[[], float] = time.time,
        parts: Examiner | None = None,
    ) -> None:
        """`parts` examines certificates that were cut down, from which the store is not to learn."""
        self._judge = DocumentJudge(NAME, Origin.WKD, examiner, parts or examiner, clock)
        self._fetch = fetch

    @property
    def name(self) -> str:
        """The word for this source in configuration and log: `wkd`."""
        return NAME

    async def lookup(self, address: Address) -> Lookup:
        """What the address's domain publishes for it."""
        async with self._fetch.fetched(address) as fetched:
            # inside the place: a domain cannot have more answers being judged than it has places
            return await self._judge.judge(fetched, address) if isinstance(fetched, Document) else fetched

    async def close(self) -> None:
        """Release what is open; lookups under way have to have ended before."""
        await self._fetch.close()
