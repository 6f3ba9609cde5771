"""Examines keys that came with mail, one after the other, in the background: no mail waits for it.

At most `HarvestBounds.waiting` keys wait. Further ones are skipped, and those that wait when the relay stops are lost:
the correspondent's next mail has the key again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from relay.config import Config
from relay.daemon.engines import build_background_examiner
from relay.keys.designated_revokers import RevocationExaminer
from relay.keys.factory import build_stored_keys
from relay.keys.harvesting import Harvesting
from relay.keys.judging_limits import HourlyLimit, Places
from relay.keys.merge_policy import MergePolicy
from relay.model.harvest import CarriedKey, HarvestBounds, Outcome
from relay.pipeline.harvest import HarvestStep, KeyReader
from relay.policy.harvest import next_step
from relay.store import Store
from relay.telemetry import events
from relay.telemetry.events import Event

BOUNDS = HarvestBounds()
REST = 0.02
"""Seconds between two steps with a key. A mail takes less time, so at most one step delays it."""

Take = Callable[[CarriedKey], Awaitable[Outcome]]
"""What happens to a key: `relay.keys.harvesting.Harvesting.take`."""


class HarvestQueue:
    """Works on harvested keys one after the other, beside mail; implements `relay.pipeline.harvest.Harvester`."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._waiting: asyncio.Queue[tuple[CarriedKey, str]] = asyncio.Queue()
        self._places = Places(BOUNDS.waiting)
        self._worker: asyncio.Task[None] | None = None

    def offer(self, key: CarriedKey, mail: str) -> bool:
        """Queue a key; False where too many wait, of this address, of its domain or in all."""
        if not self._places.enter(key.address):
            return False
        self._waiting.put_nowait((key, mail))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return True

    async def close(self) -> None:
        """Stop, and drop the keys that wait."""
        if self._worker:
            self._worker.cancel()
            await asyncio.wait({self._worker})

    async def _work(self) -> None:
        while True:
            key, mail = await self._waiting.get()
            self._places.leave(key.address)
            outcome = await self._taken(key)
            author, domain = key.address.text, key.dkim_domain
            events.log().info(Event.HARVESTED, id=mail, result=outcome, author=author, dkim_domain=domain)

    async def _taken(self, key: CarriedKey) -> Outcome:
        try:
            return await self._take(key)
        except Exception as error:  # noqa: BLE001  whatever this key does, the next one is looked at
            events.log().error(Event.FAILED, **events.unforeseen(error))
            return Outcome.FAILED


def build_harvest(config: Config, store: Store) -> HarvestQueue | None:
    """The queue that takes keys in; None where `harvest.from` is empty."""
    if not config.harvest.from_:
        return None
    examiner = RevocationExaminer(build_background_examiner(config), store.certificates)
    harvesting = Harvesting(
        store.certificates,
        store.sightings,
        examiner,
        MergePolicy(store.certificates, examiner),
        build_stored_keys(config, store).keyring,
        next_step,
        HourlyLimit(BOUNDS.judged),
        partial(asyncio.sleep, REST),
        instead_of_clear=config.harvest.use == "instead_of_clear",
        bounds=BOUNDS,
    )
    return HarvestQueue(harvesting.take)


def build_step(config: Config, queue: HarvestQueue | None, authserv_id: str) -> HarvestStep | None:
    """The step that hands the keys of incoming mail to the queue; None where there is no queue."""
    return None if queue is None else HarvestStep(build_reader(config, authserv_id), queue)


def build_reader(config: Config, authserv_id: str) -> KeyReader:
    """The object that finds the keys of a mail."""
    return KeyReader(frozenset(config.harvest.from_), frozenset(config.own.domains), authserv_id)
