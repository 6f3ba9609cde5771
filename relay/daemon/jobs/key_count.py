"""Counts the certificates by their usability, for the metrics.

A store of ten thousand keys takes a while to read: it is read again only after it has changed or an hour has passed
(time makes keys unusable), and reading takes at most a hundredth of the time. Raises `StoreError`.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable

from relay.model import Entry
from relay.store import Certificates
from relay.telemetry import events
from relay.telemetry.counters import SoonKey
from relay.telemetry.events import Event

SOON = 30 * 24 * 3600.0
"""Seconds before its end at which a certificate counts as expiring."""
HOUR = 3600.0
MOST_NAMED = 10
"""The most keys that are listed by name, and the most addresses of one of them."""
LONGEST = 320
_SHARE = 100


class KeyCount:
    """`round` every minute or so."""

    def __init__(self, certificates: Certificates, clock: Callable[[], float] = time.time) -> None:
        self._certificates = certificates
        self._clock = clock
        self._state: bytes | None = None
        self._counted = float("-inf")
        self._not_before = float("-inf")

    async def round(self) -> None:
        """Count, where there may be something new."""
        begun = time.monotonic()
        state = await self._certificates.state()
        if begun < self._not_before or (state == self._state and begun < self._counted + HOUR):
            return
        counts = Counter[str]()
        soon: list[SoonKey] = []
        async for entry in self._certificates.iterate():
            kind = _kind(entry, self._clock())
            counts[kind] += 1
            if kind == "expiring":
                soon = heapq.nsmallest(MOST_NAMED, [*soon, _named(entry)])
        self._state, self._counted = state, begun
        self._not_before = begun + _SHARE * (time.monotonic() - begun)
        events.log().debug(
            Event.KEYS_COUNTED,
            usable=counts["usable"],
            expiring=counts["expiring"],
            unusable=counts["unusable"],
            proposed=counts["proposed"],
            soon=soon,
        )


def _named(entry: Entry) -> SoonKey:
    certificate = entry.certificate
    addresses = [address.text[:LONGEST] for address in certificate.addresses[:MOST_NAMED]]
    return certificate.expires or 0.0, addresses, certificate.fingerprint


def _kind(entry: Entry, now: float) -> str:
    certificate = entry.certificate
    if entry.proposed:
        return "proposed"
    if certificate.unusable(now):
        return "unusable"
    return "expiring" if certificate.expires is not None and certificate.expires <= now + SOON else "usable"
