"""WKD as a source of the chain (draft-koch-openpgp-webkey-service-21): what was fetched, judged.

`fetch` says what is NotFound and what an outage. A certificate nobody here can read is Unusable, and never "no key".
`lookup` never raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from relay.keys import narrowing
from relay.keys.selection import answer, select
from relay.keys.wkd.answer import version
from relay.keys.wkd.port import Document, Fetch
from relay.keys.wkd.reason import NAME, Reason
from relay.model import Address, Certificate, Lookup, Origin, Outage, Unreadable, Unusable, Why
from relay.model.errors import EngineError
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
        self._examiner = examiner
        self._parts = parts or examiner
        self._fetch = fetch
        self._clock = clock

    @property
    def name(self) -> str:
        """As in the configuration."""
        return NAME

    async def lookup(self, address: Address) -> Lookup:
        """What the address's domain publishes for it."""
        async with self._fetch.fetched(address) as fetched:
            # still in its place: no domain has more answers in our hands than it has places
            return await self._judge(fetched, address) if isinstance(fetched, Document) else fetched

    async def close(self) -> None:
        """Lookups under way are to have ended."""
        await self._fetch.close()

    async def _judge(self, document: Document, address: Address) -> Lookup:
        blobs = document.wholes or document.certificates
        try:
            verdicts = await self._narrowed(await self._examiner.examine(blobs), address)
        except EngineError:
            return Outage(NAME, Reason.EXAMINER, document.method)
        readable = [verdict for verdict in verdicts if isinstance(verdict, Certificate)]
        if not readable:
            return _unreadable(blobs, verdicts, document.method)
        at = self._clock()
        judged = select(readable, lambda certificate: certificate.unusable(at, address))
        return answer(judged, Origin.WKD, NAME, document.method)

    async def _narrowed(
        self, verdicts: Sequence[Certificate | Unreadable], address: Address
    ) -> list[Certificate | Unreadable]:
        """Each verdict for this address alone."""
        readable = [verdict for verdict in verdicts if isinstance(verdict, Certificate)]
        narrow = iter(await narrowing.narrow(readable, address, self._parts))
        return [next(narrow) if isinstance(verdict, Certificate) else verdict for verdict in verdicts]


def _unreadable(blobs: Sequence[bytes], verdicts: Sequence[Certificate | Unreadable], method: str) -> Unusable:
    """There is a key with this address, and nobody here can read it: that is not "no key"."""
    first = next(blob for blob, verdict in zip(blobs, verdicts, strict=True) if isinstance(verdict, Unreadable))
    why = Why.INVALID if version(first) == 4 else Why.UNSUPPORTED
    return Unusable(why, "", Origin.WKD, NAME, method)
