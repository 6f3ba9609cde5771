"""Has Postfix send mails that waited for a key. Raises `StoreError`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from relay.keys.stored import StoredKeys
from relay.model import Address, Found
from relay.model.errors import AddressError
from relay.process import postqueue
from relay.store import Trace
from relay.telemetry import events
from relay.telemetry.events import Event


@dataclass(frozen=True, slots=True)
class HeldMails:
    """The mails that wait in Postfix's queue for a key."""

    trace: Trace
    stored_keys: StoredKeys
    waits: float
    clock: Callable[[], float] = time.time

    async def release(self, address: Address) -> None:
        """Have Postfix retry the mails to this address now, if its key is used.

        Otherwise they leave with a later retry.
        """
        if not isinstance(await self.stored_keys.lookup(address), Found):
            return
        now = self.clock()
        held = await self.trace.held(now - self.waits, now - postqueue.RETRIED)
        ids = [record.queue_id for _, record in held if _same(record.recipient, address)]
        if ids and await postqueue.flush(ids):
            events.log().info(Event.HELD_RELEASED, recipient=address.text, mails=len(ids))


def _same(text: str, address: Address) -> bool:
    try:
        recipient = Address(text)
    except AddressError:
        return False
    return address in {recipient, recipient.untagged}
