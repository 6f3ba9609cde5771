"""Ends pick-ups: tells senders which mails nobody has read, and removes expired ones from the public service.

Of all processes one does it at a time. Raises `StoreError`, `ChannelError` and `NextHopError`: then it is done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.mail.pickup_letters import PickupLetters
from relay.model import Envelope
from relay.model.pickup import Pickup, PickupState
from relay.pipeline.ports import Outlet, OwnPeople, PickupService
from relay.store import Leases, Pickups
from relay.telemetry import events
from relay.telemetry.events import Event

DUTY = "pick-ups"
LEASE = 600.0
EVERY = 60.0
DAY = 24 * 3600.0
WARNED_BEFORE = 3 * DAY
"""Seconds before its end; one that is kept for less is not warned of."""


@dataclass(frozen=True, slots=True)
class PickupEnds:
    """`round` is one turn of the scheduler."""

    register: Pickups
    service: PickupService
    people: OwnPeople
    letters: PickupLetters
    outlet: Outlet
    leases: Leases
    remembered: float
    """Seconds after its end until the relay forgets it."""
    clock: Callable[[], float] = time.time

    async def round(self) -> None:
        """Warn senders of pick-ups that end soon, and end those that have expired."""
        if not await self.leases.take(DUTY, LEASE):
            return
        now = self.clock()
        for one in await self.register.ending(now + WARNED_BEFORE):
            if one.expires <= now:
                await self._end(one, now)
            elif _to_be_warned(one):
                await self._tell(one, self.letters.unread, now)
                await self.register.change(one.id, warned=True)
        await self.register.prune(now - self.remembered)
        await self.leases.done(DUTY, EVERY)

    async def _end(self, one: Pickup, now: float) -> None:
        await self.service.remove(one)
        await self.register.change(one.id, state=PickupState.EXPIRED.value)
        if one.state is PickupState.ACTIVE and one.opened is None:
            await self._tell(one, self.letters.expired, now)

    async def _tell(self, one: Pickup, letter: Callable[..., bytes], now: float) -> None:
        sender = one.sender
        if sender is None or await self.people.certificate(sender) is None:
            return
        content = letter(one, sender, datetime.fromtimestamp(now, UTC))
        (reply,) = await self.outlet.send(Envelope.of_notice(sender), content)
        events.log().info(Event.NOTICE_SENT, notice="unread", recipients=1, code=reply.code)


def _to_be_warned(one: Pickup) -> bool:
    unread = one.state is PickupState.ACTIVE and one.opened is None and not one.warned
    return unread and one.expires - one.created > WARNED_BEFORE
