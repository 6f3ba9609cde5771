"""Steps 3 to 5: the rule of each recipient, the keys that these rules need, and the decisions. Nothing is changed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from relay import policy
from relay.model import Address, Decision, Found, Lookup, NotFound, Outage, Unusable
from relay.model.pickup import Obstacle
from relay.pipeline.author import NOBODY, Author
from relay.pipeline.facts import Facts
from relay.pipeline.opened import NO_CHECK, OpenedCheck
from relay.pipeline.own_notices import OwnNotices
from relay.pipeline.pickup_terms import PickupTerms
from relay.pipeline.ports import Lookups
from relay.pipeline.transaction import Transaction
from relay.policy import Rule
from relay.process.pool import yield_to_others
from relay.telemetry.events import Event

RESULTS: Mapping[type[Lookup], str] = {
    Found: "found",
    NotFound: "not found",
    Unusable: "unusable",
    Outage: "unavailable",
}


@dataclass(frozen=True, slots=True)
class Decider:
    """The site's policy, and the sources of keys."""

    rules: tuple[Rule, ...]
    lookups: Lookups
    late_unsigned: bool = True
    """A mail that leaves long after its Date is not signed."""
    opened: OpenedCheck = NO_CHECK
    pickups: PickupTerms | None = None
    """None: nothing becomes a pick-up."""
    own_notices: OwnNotices | None = None
    """None: the relay writes no notices to people outside."""

    async def decide(self, transaction: Transaction, facts: Facts, author: Author = NOBODY) -> dict[int, Decision]:
        """The decision for each recipient without a reply."""
        opened = await self.opened.is_opened(facts)
        rules = await self._rules(transaction, facts, opened=opened)
        wanted = {
            transaction.recipients[index].address: rule.excused
            for index, rule in rules.items()
            if policy.needs_key(rule, facts.encrypted)
        }
        late = facts.late and self.late_unsigned and author.signer is not None
        found = await self._look_up(transaction, wanted, self.opened.lookups if opened else None)
        decisions: dict[int, Decision] = {}
        for index, rule in rules.items():
            lookup = found.get(transaction.recipients[index].address)
            refused, obstacle = await self._pickup(transaction, facts, index, rule)
            decision = refused or policy.decide(
                rule, facts.encrypted, lookup, late=late, left_alone=facts.left_alone, obstacle=obstacle
            )
            decisions[index] = decision
            _log(transaction, index, rule, decision)
            await yield_to_others(index)
        return decisions

    async def _rules(self, transaction: Transaction, facts: Facts, *, opened: bool) -> dict[int, Rule]:
        """The rule of each recipient without a reply."""
        candidates = facts.candidates(self.rules)
        rules = {
            index: policy.first_for(candidates, transaction.recipients[index].address) for index in transaction.open
        }
        if opened:
            rules = {index: policy.for_opened(rule) for index, rule in rules.items()}
        if self.own_notices:
            rules |= dict.fromkeys(await self.own_notices.among(transaction), policy.OWN_NOTICE)
        return rules

    async def _pickup(
        self, transaction: Transaction, facts: Facts, index: int, rule: Rule
    ) -> tuple[Decision | None, Obstacle | None]:
        """The refusal of a mail that quotes a code; else why this one cannot become a pick-up."""
        if self.pickups is None:
            return None, Obstacle.NOBODY
        if refused := self.pickups.refused(facts, rule, transaction.recipients[index].address):
            return refused, None
        return None, await self.pickups.obstacle(transaction, facts, index, rule)

    async def _look_up(
        self, transaction: Transaction, wanted: Mapping[Address, frozenset[str]], lookups: Lookups | None
    ) -> dict[Address, Lookup]:
        begun = time.monotonic()
        found = await (lookups or self.lookups).find_all(wanted, transaction.began)
        seconds = round(time.monotonic() - begun, 4)
        for (source, kind), count in Counter((each.source, type(each)) for each in found.values()).items():
            transaction.log.debug(
                Event.LOOKED_UP, source=source, result=RESULTS[kind], recipients=count, seconds=seconds
            )
        return found


def _log(transaction: Transaction, index: int, rule: Rule, decision: Decision) -> None:
    recipient = transaction.recipients[index].address.text
    transaction.log.debug(
        Event.DECIDED, action=decision.action, recipient=recipient, rule=rule.name, reason=decision.reason
    )
