"""Keys that came with one mail, until a second mail confirms them. Raises `StoreError`.

Strangers cause these rows, so their number is limited by address, by domain and in all, and each is deleted after
`KEPT` seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, true, update

from relay.model import Address
from relay.model.harvest import CarriedKey, HarvestBounds, NextStep, Outcome, Sighting
from relay.store.database import Database
from relay.store.schema import addresses, certificates, sightings

DAY = 86400.0
KEPT = 45 * DAY
PRUNED_EVERY = 3600.0

_COLUMNS = sightings.c


class Sightings:
    """Which mails brought which key, in the table `sighting`."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._pruned = float("-inf")

    async def step(self, key: CarriedKey, fingerprint: str, decide: NextStep, bounds: HarvestBounds) -> Outcome | None:
        """Store this mail as `decide` says. Returns what happened; None where the key is confirmed."""
        now = self._clock()

        def write(connection: Connection) -> Outcome | None:
            self._prune(connection, now)
            known = _of_address(connection, key.address)
            latest = max((row.latest for row in known.values()), default=None)
            outcome, sighting = decide(_sighting(known.get(fingerprint)), latest, key)
            if sighting is None:
                return outcome
            if fingerprint in known:
                connection.execute(update(sightings).where(*_is(key.address, fingerprint)).values(_values(sighting)))
                return outcome
            if not _has_room(connection, key.address.domain, now - DAY, bounds):
                return Outcome.BUDGET
            waiting = [name for name, row in known.items() if row.taken is None or row.taken < now - DAY]
            for oldest in waiting[: max(0, len(waiting) + 1 - bounds.sightings)]:
                connection.execute(delete(sightings).where(*_is(key.address, oldest)))
            row = {"address": key.address.key, "domain": key.address.domain, "fingerprint": fingerprint, "noted": now}
            connection.execute(insert(sightings), row | _values(sighting))
            return outcome

        return await self._database.write(write, "sightings")

    def _prune(self, connection: Connection, now: float) -> None:
        if now - self._pruned >= PRUNED_EVERY:
            over = or_(_COLUMNS.taken.is_(None), _COLUMNS.taken < now - DAY)
            connection.execute(delete(sightings).where(_COLUMNS.noted < now - KEPT, over))
            self._pruned = now


def may_take(connection: Connection, address: Address, bounds: HarvestBounds, now: float, *, proposed: bool) -> bool:
    """Whether one more key of this address may be taken from mail now."""
    lately = select(func.count()).where(_COLUMNS.domain == address.domain, _COLUMNS.taken >= now - DAY)
    if connection.execute(lately).scalar_one() >= bounds.domain:
        return False
    return not proposed or connection.execute(_waiting(address)).scalar_one() < bounds.open_proposals


def take(connection: Connection, address: Address, fingerprint: str, now: float) -> None:
    """Note that mail brought this key of the address."""
    connection.execute(update(sightings).where(*_is(address, fingerprint)).values(taken=now))


def _waiting(address: Address) -> Select[int]:
    """The query for the number of proposals of this address."""
    both = addresses.join(certificates, certificates.c.fingerprint == addresses.c.fingerprint)
    of_address = (addresses.c.address == address.key, certificates.c.proposed == true())
    return select(func.count()).select_from(both).where(*of_address)


def _is(address: Address, fingerprint: str) -> tuple[ColumnElement[bool], ...]:
    return _COLUMNS.address == address.key, _COLUMNS.fingerprint == fingerprint


def _of_address(connection: Connection, address: Address) -> dict[str, Row[Any]]:
    """The rows of this address, the oldest first."""
    wanted = select(sightings).where(_COLUMNS.address == address.key).order_by(_COLUMNS.latest)
    return {row.fingerprint: row for row in connection.execute(wanted)}


def _has_room(connection: Connection, domain: str, since: float, bounds: HarvestBounds) -> bool:
    lately = select(func.count()).where(_COLUMNS.noted >= since)
    of_domain = connection.execute(lately.where(_COLUMNS.domain == domain)).scalar_one()
    return of_domain < bounds.domain_sightings and connection.execute(lately).scalar_one() < bounds.all_sightings


def _sighting(row: Row[Any] | None) -> Sighting | None:
    return Sighting(row.first, row.latest, frozenset(row.signatures.split())) if row else None


def _values(sighting: Sighting) -> dict[str, object]:
    return {
        "first": sighting.first,
        "latest": sighting.latest,
        "signatures": " ".join(sorted(sighting.signatures)),
    }
