"""When a mail may become a pick-up, and which mail must not leave because it quotes a code. Only decides."""

from __future__ import annotations

from dataclasses import dataclass

from relay.model import Address, Decision, Refuse
from relay.model.pickup import QUOTES_CODE, Handover, Obstacle
from relay.pipeline.facts import Facts
from relay.pipeline.ports import OwnPeople, Presets
from relay.pipeline.transaction import Transaction
from relay.policy import Rule, WithoutKey


@dataclass(frozen=True, slots=True)
class PickupTerms:
    """The conditions on which this site makes pick-ups."""

    handover: Handover
    max_size: int
    """Octets of the mail."""
    own_domains: frozenset[str]
    people: OwnPeople
    presets: Presets

    async def obstacle(self, transaction: Transaction, facts: Facts, index: int, rule: Rule) -> Obstacle | None:
        """Why the mail cannot become a pick-up for this recipient. Raises `StoreError`."""
        if rule.without_key is not WithoutKey.PICKUP:
            return None
        if len(transaction.inbound.content) > self.max_size:
            return Obstacle.TOO_LARGE
        if self.handover is Handover.HOOK or await self.presets.known(transaction.recipients[index].address):
            return None
        if self.handover is Handover.PRESET:
            return Obstacle.NO_CODE
        sender = transaction.inbound.envelope.sender
        told = sender is not None and facts.can_be_told(index) and await self.people.certificate(sender)
        return None if told else Obstacle.NOBODY

    def refused(self, facts: Facts, rule: Rule, recipient: Address) -> Decision | None:
        """The refusal of a mail that quotes a code, unless it stays inside."""
        if not facts.quotes_code or recipient.domain in self.own_domains:
            return None
        return Refuse(rule.name, QUOTES_CODE, rule.by_reply)
