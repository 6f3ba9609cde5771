"""Asks one source for one address, and reports its answer."""

from __future__ import annotations

import time
from dataclasses import dataclass

from relay.keys.cache import CachedSource
from relay.keys.cached_answers import Refresh
from relay.keys.fair_queue import Owner
from relay.model import Address, Lookup, NotFound


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source answered, for people. Times are seconds since the epoch."""

    source: str
    lookup: Lookup
    asked: float
    """When the source gave this answer."""
    begun: float
    """When this search asked for it."""
    seconds: float
    judged: Lookup | None = None
    """The store's verdict on a certificate that was found, if the search asked for it."""

    @property
    def remembered(self) -> bool:
        """The answer was given before this search asked, and remembered."""
        return self.asked < self.begun


@dataclass(frozen=True, slots=True)
class Asked:
    """What a source answered, and for which address: the exact one, or the one without its tag."""

    report: SourceReport
    address: Address
    fingerprints: frozenset[str]
    """Of the certificates that the source had for either address before."""


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
