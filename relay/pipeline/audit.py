"""Writes the trace of a message before its answer is given, and of a recipient served before the others at once.

Promises that no decision goes untraced for good: rows that the store does not take are kept and written
first when it is back, and until then `ready` refuses new mail. The answer itself stays true: a mail that
the next hop took is not answered 451 because its trace has to wait, or it would go out twice.
"""

from __future__ import annotations

from collections.abc import Mapping

from relay.mail import headers
from relay.model import Decision, Encrypt, Hold, Record, Refuse, Reply, verb
from relay.model.errors import StoreError
from relay.pipeline.ports import TraceStore
from relay.pipeline.transaction import Transaction
from relay.telemetry.events import Event

AT_ONCE = 500
"""Rows of one write: between two writes other mails have their turn."""


class Audit:
    """The trace as the pipeline uses it."""

    def __init__(self, trace: TraceStore) -> None:
        self._trace = trace
        self._waiting: list[Record] = []
        self._trying = False

    async def ready(self) -> None:
        """Write what still waits. Raises `StoreError` while the store takes no rows."""
        if self._trying:
            raise StoreError("rows of the trace wait for the store")
        if self._waiting:
            rows, self._waiting, self._trying = self._waiting, [], True
            try:
                await self._write(rows)
            finally:
                self._trying = False

    async def record(self, transaction: Transaction, told: Mapping[int, Reply]) -> None:
        """One row for each of these that was decided on and has none yet, with what it is answered."""
        due = [index for index in told if index in transaction.decisions and index not in transaction.traced]
        if not due:
            return
        transaction.traced.update(due)
        if not transaction.message_id:  # looked for once, also for ten thousand recipients
            transaction.message_id = headers.message_id(transaction.inbound.content)
        rows = [_record(transaction, index, told[index]) for index in due]
        try:
            await self._write(rows)
        except StoreError:
            transaction.log.error(Event.UNTRACED, rows=len(rows))

    async def _write(self, rows: list[Record]) -> None:
        if self._waiting:  # the store is away, and each try may wait long for a lock
            self._waiting.extend(rows)
            raise StoreError("rows of the trace wait for the store")
        for start in range(0, len(rows), AT_ONCE):
            try:
                await self._trace.write(rows[start : start + AT_ONCE])
            except StoreError:
                self._waiting.extend(rows[start:])
                raise


def _record(transaction: Transaction, index: int, told: Reply) -> Record:
    inbound, decision = transaction.inbound, transaction.decisions[index]
    sender = inbound.envelope.sender
    return Record(
        time=inbound.received.timestamp(),
        id=inbound.id,
        queue_id=inbound.envelope.queue_id,
        message_id=transaction.message_id,
        sender=sender.text if sender else "",
        recipient=transaction.recipients[index].address.text,
        action=verb(decision),
        rule=decision.rule,
        reason=decision.reason,
        fingerprint=_fingerprint(decision),
        signed_by=transaction.signed_by.get(index, ""),
        reply=f"{told.code} {told.enhanced}",
        size=len(inbound.content),
        shadow=transaction.shadow,
    )


def _fingerprint(decision: Decision) -> str:
    match decision:
        case Encrypt():
            return decision.found.certificate.fingerprint
        case Refuse() | Hold():
            return decision.fingerprint
        case _:
            return ""
