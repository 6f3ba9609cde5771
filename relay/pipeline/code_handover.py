"""The codes of pick-ups, handed over: by a program of the site, or in a notice to the sender, who passes them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.mail.pickup_letters import PickupLetters
from relay.model import Envelope, replies
from relay.model.pickup import Pickup
from relay.pipeline.next_hop import NextHop
from relay.pipeline.ports import CodeHook
from relay.pipeline.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pick-up that is stored on the public web service."""

    index: int
    pickup: Pickup
    code: str | None = None
    """What is to be handed over; None: its reader has it."""


@dataclass(frozen=True, slots=True)
class CodeHandover:
    """Call `hand_over` for the pick-ups of one mail."""

    hook: CodeHook | None
    """None: the sender passes codes on."""
    letters: PickupLetters
    next_hop: NextHop

    async def hand_over(self, transaction: Transaction, prepared: Sequence[Prepared]) -> list[Prepared]:
        """Returns those whose reader has the code, or will get it; the others' failure is their reply."""
        waiting = [one for one in prepared if one.code is not None]
        done = [one for one in prepared if one.code is None]
        if not waiting:
            return done
        handed = await self._handed(transaction, waiting)
        for one in waiting:
            if one not in handed:
                transaction.answer((one.index,), replies.code_not_handed_over(transaction.inbound.id))
        return sorted([*done, *handed], key=lambda one: one.index)

    async def _handed(self, transaction: Transaction, waiting: Sequence[Prepared]) -> Sequence[Prepared]:
        if self.hook:
            return [one for one in waiting if await self._by_program(transaction, self.hook, one)]
        return waiting if await self._tell_codes(transaction, waiting) else []

    async def _by_program(self, transaction: Transaction, hook: CodeHook, one: Prepared) -> bool:
        return self.next_hop.in_time(transaction) and await hook.hand_over(one.pickup.recipient, one.code or "")

    async def _tell_codes(self, transaction: Transaction, waiting: Sequence[Prepared]) -> bool:
        """Whether the sender has got them."""
        inbound = transaction.inbound
        sender = inbound.envelope.sender
        if sender is None or not self.next_hop.in_time(transaction):
            return False
        told = [(one.pickup.recipient, one.code or "") for one in waiting]
        letter = self.letters.codes(inbound, sender, told, max(one.pickup.expires for one in waiting))
        envelope = Envelope.of_notice(sender, inbound.envelope.xforward)
        return (await self.next_hop.tell(transaction, envelope, letter, kind="code", about=len(told))).accepted
