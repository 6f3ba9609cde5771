"""A source is asked for one address, and what it answered is told."""

from __future__ import annotations

import time
from dataclasses import dataclass

from relay.keys.cache import CachedSource, Refresh
from relay.keys.fair_queue import Owner
from relay.model import Address, Lookup, NotFound


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source answered, for people. Times are seconds since the epoch."""

    source: str
    lookup: Lookup
    asked: float
    """When it said so."""
    begun: float
    """When it was asked for here."""
    seconds: float
    judged: Lookup | None = None
    """What the store makes of a certificate that was found, where the search asked for it."""

    @property
    def remembered(self) -> bool:
        """It was said before it was asked for here."""
        return self.asked < self.begun


@dataclass(frozen=True, slots=True)
class Asked:
    """What a source answered, and for which address: the exact one, or the one without its tag."""

    report: SourceReport
    address: Address
    fingerprints: frozenset[str]
    """Of certificates that it had before for either."""


async def ask(
    remote: CachedSource, address: Address, refresh: Refresh, owner: Owner, *, excused: bool = False
) -> Asked:
    """Ask for the exact address; for the one without its tag where there is nothing."""
    now, begun = time.time(), time.monotonic()
    answer = await remote.lookup(address, refresh, owner=owner)
    fingerprints = {answer.fingerprint}
    none_there = isinstance(answer.lookup, NotFound) or (excused and remote.excusable(answer.lookup))
    if none_there and (untagged := address.untagged):
        address, answer = untagged, await remote.lookup(untagged, refresh, owner=owner)
        fingerprints.add(answer.fingerprint)
    report = SourceReport(remote.name, answer.lookup, answer.asked, now, time.monotonic() - begun)
    return Asked(report, address, frozenset(fingerprints - {""}))
