"""Writes the one log line of a mail at level info: the decision and the answer for each recipient.

The steps before it are logged at level debug. A mail for many recipients has a line for each `IN_A_LINE` of them, so
that no line is longer than the journal keeps in one piece (journald.conf(5), LineMax).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from relay.model import Decision, Reply
from relay.model.incoming import Incoming
from relay.pipeline.audit import AuditEntry
from relay.pipeline.transaction import Transaction
from relay.process.pool import yield_to_others
from relay.telemetry.events import Event

IN_A_LINE = 20


async def tell(transaction: Transaction, audit: AuditEntry | None, told: Mapping[int, Reply]) -> None:
    """Write the log line of this mail; `told` has the reply for each recipient."""
    inbound = transaction.inbound
    seconds = round(time.monotonic() - transaction.began, 4)
    outcomes = list(told.items())
    for start in range(0, len(outcomes), IN_A_LINE):
        transaction.log.info(
            Event.HANDLED,
            protocol=inbound.protocol,
            size=len(inbound.content),
            recipients=len(outcomes),
            seconds=seconds,
            outcomes=[
                dict(_outcome(transaction, audit, at, reply)) for at, reply in outcomes[start : start + IN_A_LINE]
            ],
        )
        await yield_to_others(start + IN_A_LINE - 1)


def _outcome(transaction: Transaction, audit: AuditEntry | None, index: int, reply: Reply) -> Iterator[tuple[str, str]]:
    yield "recipient", transaction.recipients[index].address.text
    decision = audit.decisions.get(index) if audit else None
    if audit and decision:
        yield from _decided(decision)
        if signer := audit.signed_by.get(index):
            yield "signer", signer
    yield "reply", f"{reply.code} {reply.enhanced}"


def _decided(decision: Decision | Incoming) -> Iterator[tuple[str, str]]:
    yield "action", decision.action
    yield "rule", decision.rule
    yield "reason", decision.reason
    if isinstance(decision, Incoming):
        yield "encryption", decision.mark.encryption.value
        yield "signature", decision.mark.signature.value
