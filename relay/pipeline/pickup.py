"""Pick-ups: stored inactive before anything leaves; then code, activation, the recipient's mail, and 250.

Promises: a recipient answered 250 has the link, and can open the mail with a code that was handed over. A crash at any
point leaves a row in the store: a retry replaces a pick-up that is not active yet, with a new code, and only mails the
link of an active one. A failure is temporary, and concerns that recipient alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from relay.mail import headers, pickup_payload
from relay.mail.hidden_recipients import HiddenRecipients
from relay.mail.pickup_letters import PickupLetters
from relay.model import Address, Decision, Envelope, Inbound, Reply, codes, replies
from relay.model import Pickup as PickupDecision
from relay.model.errors import NextHopError, RelayError, TurnLost
from relay.model.pickup import Pickup, PickupState
from relay.pipeline.attempt import Attempt
from relay.pipeline.code_handover import CodeHandover, Prepared
from relay.pipeline.encrypt_all import MADE_WITHIN
from relay.pipeline.next_hop import NextHop
from relay.pipeline.ports import Engine, OwnPeople, PickupRegister, PickupService, Presets
from relay.pipeline.transaction import Transaction
from relay.process.pool import LARGE, Document
from relay.telemetry.events import Event, unforeseen

AT_ONCE = 4
"""Pick-ups of one mail that are made at the same time; of a large one each by itself, as it takes memory."""


@dataclass(frozen=True, slots=True)
class Pickups:
    """`prepare`, and when all else has left `deliver`."""

    engine: Engine
    service: PickupService
    register: PickupRegister
    presets: Presets
    people: OwnPeople
    handover: CodeHandover
    letters: PickupLetters
    next_hop: NextHop
    language: codes.Language
    keep: float
    answers: bool = False
    """Whether a reader can answer."""

    async def prepare(
        self, attempt: Attempt, decisions: Mapping[int, Decision], hidden: HiddenRecipients, document: Document
    ) -> list[Prepared]:
        """Store one for each recipient whose mail becomes a pick-up; the others' failure is their reply."""
        transaction = attempt.transaction
        wanted = iter([i for i in transaction.open if isinstance(decisions.get(i), PickupDecision)])
        made: list[Prepared] = []

        async def work() -> None:
            for index in wanted:
                try:
                    made.extend(await self._prepared(attempt, index, hidden, document))
                except RelayError as error:
                    _failed(transaction, index, error)

        large = len(transaction.inbound.content) >= LARGE
        await asyncio.gather(*(work() for _ in range(1 if large else AT_ONCE)))
        return sorted(made, key=lambda one: one.index)

    async def deliver(self, attempt: Attempt, prepared: Sequence[Prepared]) -> None:
        """Hand the codes over, activate the pick-ups, and tell their recipients."""
        transaction = attempt.transaction
        for one in await self.handover.hand_over(transaction, prepared):
            try:
                transaction.answer((one.index,), await self._released(transaction, one))
            except TurnLost:
                raise  # nothing more of this mail may be begun
            except RelayError as error:
                _failed(transaction, one.index, error)
            if transaction.is_accepted(one.index):
                await attempt.record_served((one.index,))

    async def _prepared(
        self, attempt: Attempt, index: int, hidden: HiddenRecipients, document: Document
    ) -> list[Prepared]:
        transaction, digest = attempt.transaction, attempt.digest
        recipient = transaction.recipients[index].address
        known = await self.register.of(digest, recipient)
        if known and known.state is PickupState.ACTIVE:
            return [Prepared(index, known)]
        if time.monotonic() > transaction.began + MADE_WITHIN:
            return []
        begun = time.monotonic()
        preset = await self.presets.code(recipient)
        code = preset or codes.new(self.language)
        token = secrets.token_urlsafe(24)
        ciphertext = await self._locked(transaction.inbound, hidden, token, code, document)
        if not self.next_hop.in_time(transaction):  # another node may have replaced it, and handed its code over
            return []
        now = time.time()
        pickup = Pickup(
            id=known.id if known else secrets.token_hex(16),
            transaction=digest,
            recipient=recipient,
            sender=transaction.inbound.envelope.sender,
            created=now,
            expires=now + self.keep,
            size=len(ciphertext),
            proof=hashlib.sha256(token.encode()).digest(),
            message_id=headers.message_id(transaction.inbound.content),
        )
        await self.register.put(pickup)
        await self.service.put(pickup, ciphertext)
        transaction.log.info(Event.PICKUP_STORED, size=pickup.size, seconds=round(time.monotonic() - begun, 4))
        return [Prepared(index, pickup, None if preset else code)]

    async def _locked(
        self, inbound: Inbound, hidden: HiddenRecipients, token: str, code: str, document: Document
    ) -> bytes:
        sender = inbound.envelope.sender
        answer_key = await self.people.certificate(sender) if sender and self.answers else None
        clear = await document.run(pickup_payload.payload, inbound.content, hidden, token, answer_key)
        return await self.engine.lock(clear, code)

    async def _activated(self, pickup: Pickup) -> bool:
        """Whether it may be opened from now on."""
        if not await self.service.activate(pickup):
            return False
        await self.register.activate(pickup)
        return True

    async def _released(self, transaction: Transaction, one: Prepared) -> Reply:
        """The recipient's reply, once the mail can be opened and its recipient was told. Raises `RelayError`."""
        inbound, pickup = transaction.inbound, one.pickup
        if pickup.state is not PickupState.ACTIVE and not await self._activated(pickup):
            return replies.failed(inbound.id)
        if not self.next_hop.in_time(transaction):
            return replies.next_hop_down(inbound.id)
        letter = self.letters.announced(replace(pickup, state=PickupState.ACTIVE), datetime.now(UTC))
        (reply,) = await self.next_hop.send(transaction, _envelope(transaction, one.index), letter)
        transaction.log.debug(Event.NEXT_HOP_REPLIED, recipient=pickup.recipient.text, code=reply.code)
        if reply.permanent:
            await self.service.remove(pickup)
            await self.register.put(replace(pickup, state=PickupState.WITHDRAWN))
        return replies.delivered(inbound.id) if reply.accepted else reply


def _envelope(transaction: Transaction, index: int) -> Envelope:
    """The envelope of the mail, for one recipient; our own mail needs neither 8BITMIME nor the size of the original."""
    envelope = transaction.inbound.envelope.only((transaction.recipients[index],))
    kept = tuple(_options(envelope.options, envelope.recipients[0].address))
    return replace(envelope, options=kept)


def _options(options: Sequence[str], recipient: Address) -> Iterator[str]:
    for option in options:
        if not option.upper().startswith("BODY="):
            yield option
    if not recipient.is_ascii:
        yield "BODY=8BITMIME"


def _failed(transaction: Transaction, index: int, error: RelayError) -> None:
    transaction.log.error(Event.FAILED, recipients=1, **unforeseen(error))
    down = isinstance(error, NextHopError)
    transaction.answer((index,), (replies.next_hop_down if down else replies.failed)(transaction.inbound.id))
