"""Invites those for whom a mail is held, where that was not possible when it came.

Of all processes one does it at a time. Raises `StoreError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from relay.daemon.enrolment.inviter import Inviter
from relay.model import Address
from relay.model.errors import AddressError
from relay.process import postqueue
from relay.store import Leases, Trace

DUTY = "invitations"
LEASE = 600.0
EVERY = 30.0


@dataclass(frozen=True, slots=True)
class InvitationJob:
    """`round` is one turn of the scheduler."""

    trace: Trace
    inviter: Inviter
    leases: Leases
    waits: float
    every: float = EVERY
    clock: Callable[[], float] = time.time

    async def round(self) -> None:
        """Invite whoever is due."""
        if not await self.leases.take(DUTY, LEASE):
            return
        now = self.clock()
        held = await self.trace.held(now - self.waits, now - postqueue.RETRIED)
        for address in dict.fromkeys(filter(None, (_address(record.recipient) for _, record in held))):
            await self.inviter.ask(address)
        await self.leases.done(DUTY, self.every)


def _address(text: str) -> Address | None:
    try:
        return Address(text)
    except AddressError:
        return None
