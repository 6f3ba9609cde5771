"""Step 6, for all recipients: every message is made before one leaves, within bounds of time and memory.

Promises that a failure concerns the recipients of that one message, who get a temporary reply, and that the copies of
one mail for many hidden recipients do not use up the machine's memory: those without room, or time, are answered 452 or
451. The client comes again with these recipients alone, so that every attempt gets further.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.model import Reply, replies
from relay.model.errors import EngineError, EngineTimeout, NotEncrypted, NotSigned
from relay.pipeline.encrypt import Encryptor, Message
from relay.pipeline.grouping import Group
from relay.pipeline.transaction import Transaction
from relay.process.budget import Budget, Lease
from relay.process.pool import Document
from relay.telemetry.events import Event, unforeseen

AT_ONCE = 8
"""Messages of one mail that are made at the same time: enough for every processor; each takes memory for a payload."""
MADE_WITHIN = 250.0
"""Seconds from a mail's arrival; then there is still time to hand over before Postfix gives up."""
COPIES = 512 * 1024 * 1024
"""Octets for the copies of all mails, beyond each mail's first message."""


MOST_FAILURES = 16
"""Of one message and its halves: eight find one recipient of 200. After that the engine counts as down."""


@dataclass(slots=True)
class Attempts:
    """How often one message and its halves may still fail."""

    left: int = MOST_FAILURES


@dataclass(frozen=True, slots=True)
class BatchEncryptor:
    """Makes all messages that leave for one mail."""

    encryptor: Encryptor
    budget: Budget = field(default_factory=lambda: Budget(COPIES))

    async def encrypt_all(
        self, transaction: Transaction, groups: Sequence[Group], document: Document, lease: Lease
    ) -> list[Message]:
        """Every message that could be made, in their order; the others' recipients get their reply.

        Several messages go into several processes of the pool, so that they are made at the same time.
        """
        if len(groups) == 1:
            return await self._make(transaction, groups[0], document, Attempts())
        waiting = [group for at, group in enumerate(groups) if at == 0 or self._covered(transaction, group, lease)]
        made: dict[int, list[Message]] = {}
        queue = iter(enumerate(waiting))

        async def work() -> None:
            for at, group in queue:
                made[at] = await self._make(transaction, group, document, Attempts())

        await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(waiting)))))
        return [message for at in sorted(made) for message in made.pop(at)]

    def _covered(self, transaction: Transaction, group: Group, lease: Lease) -> bool:
        if lease.take(len(transaction.inbound.content) * 3 // 2):  # armor makes four octets of three
            return True
        self._answer(transaction, group, replies.too_many_copies(transaction.inbound.id))
        return False

    async def _make(
        self, transaction: Transaction, group: Group, document: Document, attempts: Attempts
    ) -> list[Message]:
        """The message; where it fails, those of its halves, so that one recipient takes no other along."""
        if time.monotonic() > transaction.began + MADE_WITHIN:
            return []
        begun = time.monotonic()
        try:
            message = await self.encryptor.make(transaction.inbound, group, document)
        except (EngineError, NotEncrypted, NotSigned) as error:
            transaction.log.error(Event.FAILED, recipients=len(group.recipients), **unforeseen(error))
            attempts.left -= 1
            halves = group.halves() if attempts.left > 0 and not isinstance(error, EngineTimeout) else ()
            if not halves:
                self._answer(transaction, group, replies.failed(transaction.inbound.id))
            return [m for half in halves for m in await self._make(transaction, half, document, attempts)]
        if group.encrypted:
            transaction.log.debug(
                Event.ENCRYPTED,
                recipients=len(group.recipients),
                signer=message.signer,
                size=len(message.content),
                seconds=round(time.monotonic() - begun, 4),
            )
        return [message]

    def _answer(self, transaction: Transaction, group: Group, reply: Reply) -> None:
        if not transaction.shadow:
            transaction.answer(group.recipients, reply)
