"""The certificates of our own addresses, beside mail: made for all who exist, renewed, old subkeys deleted.

Of all processes one does it at a time (`relay.store.leases`), once an hour; while addresses wait for their first
certificate, again and again. It has a schedule of its own: with GnuPG 10,000 certificates take a quarter of an hour.
Raises `EngineError`, `StoreError` and `OwnError`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from relay.own.certificates import OwnCertificates
from relay.own.ports import Existing
from relay.own.rotation import Rotation
from relay.store import Leases

DUTY = "own keys"
EVERY = 3600.0
LEASE = 900.0
WITHIN = 300.0
"""Seconds for new certificates in one round: then what is old has its turn."""
AT_ONCE = 200
"""New certificates that are stored at a time: with GnuPG some 10 to 30 seconds."""
INTERVAL = 10.0
"""Seconds between two rounds."""


class OwnKeysJob:
    """`round` is one turn of the scheduler."""

    def __init__(
        self,
        workshop: Callable[[], Awaitable[tuple[OwnCertificates, Rotation] | None]],
        existing: Existing,
        leases: Leases,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workshop = workshop
        self._existing = existing
        self._leases = leases
        self._monotonic = monotonic

    async def round(self) -> None:
        """Make what is missing, renew what is old, delete what is past its time."""
        workshop = await self._workshop()
        if workshop is None:
            return
        certificates, rotation = workshop
        await rotation.sweep()
        if not await self._leases.take(DUTY, LEASE):
            return
        await rotation.round()
        missing = await certificates.missing(await self._existing.addresses())
        end = self._monotonic() + WITHIN
        while missing and self._monotonic() < end:
            await certificates.add(missing[:AT_ONCE])
            del missing[:AT_ONCE]
        await self._leases.done(DUTY, 0.0 if missing else EVERY)
