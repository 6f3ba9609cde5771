"""All recipients of a message at once, through the configured sources in their order (DESIGN 6).

Found stops the chain, NotFound asks the next source, an outage stops it: an outage is never "no key". A
certificate that must not be used never decays to "no key" either: further sources may only bring the same
certificate renewed. One deadline holds for all addresses of a message; what is not answered by then is an
outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from relay.model import Address, Found, Lookup, NotFound, Outage, Unusable
from relay.ports import Source

NO_SOURCE = "none"
TOO_SLOW = "no answer within the message's deadline"


class Chain:
    """The sources, asked in order."""

    def __init__(self, sources: Sequence[Source], timeout: float) -> None:
        self._sources = tuple(sources)
        self._timeout = timeout

    async def find_all(self, wanted: Mapping[Address, frozenset[str]]) -> dict[Address, Lookup]:
        """The answer for each address; the value names the sources whose outage a rule excuses. Never raises."""
        if not wanted:
            return {}
        tasks = {address: asyncio.create_task(self._find(address, excused)) for address, excused in wanted.items()}
        try:
            await asyncio.wait(tasks.values(), timeout=self._timeout)
        finally:
            for task in tasks.values():
                task.cancel()
        return {address: _result(task) for address, task in tasks.items()}

    async def _find(self, address: Address, excused: frozenset[str]) -> Lookup:
        unusable: Unusable | None = None
        last: Lookup = NotFound(NO_SOURCE)
        for source in self._sources:
            last = await source.lookup(address)
            match last:
                case Found() if unusable is None or last.certificate.fingerprint == unusable.fingerprint:
                    return last
                case Outage() if source.name not in excused:
                    return unusable or last
                case Unusable():
                    unusable = unusable or last
                case _:
                    pass
        return unusable or (NotFound(last.source) if isinstance(last, Outage | Found) else last)


def _result(task: asyncio.Task[Lookup]) -> Lookup:
    if task.done() and not task.cancelled():
        return task.result()
    return Outage("lookup", TOO_SLOW)
