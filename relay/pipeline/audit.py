"""Writes the trace of a message before its answer is given, and of a recipient served before the others at once.

Promises that no decision goes untraced for good: rows that the store does not take are kept and written first when it
is back, and until then `ready` refuses new mail. The answer does not depend on it: a mail that the next hop took is not
answered 451 because its trace has to wait, or it would be sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from relay.mail import headers
from relay.model import Decision, Encrypt, Hold, Pickup, Record, Refuse, Reply
from relay.model.errors import StoreError
from relay.model.incoming import Incoming
from relay.model.trace import OUT
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
        self._writing: asyncio.Task[None] | None = None
        """Writes rows that waited."""

    async def ready(self) -> None:
        """Write what still waits. Raises `StoreError` while the store takes no rows.

        A caller that is cancelled leaves the write under way: until its outcome is known the rows are neither lost nor
        written twice.
        """
        if self._writing and not self._writing.done():
            raise StoreError("rows of the trace wait for the store")
        if self._waiting:
            rows, self._waiting = self._waiting, []
            self._writing = asyncio.create_task(self.write(rows))
            await asyncio.shield(self._writing)

    async def finish(self) -> None:
        """Do the same a last time, after a write that is under way. Raises `StoreError`: rows are lost."""
        if self._writing:
            await asyncio.wait({self._writing})
        await self.ready()

    async def write(self, rows: list[Record]) -> None:
        """Write them, or keep them. Raises `StoreError` where some have to wait."""
        if self._waiting:  # the store is away, and each try may wait long for a lock
            self._waiting.extend(rows)
            raise StoreError("rows of the trace wait for the store")
        for start in range(0, len(rows), AT_ONCE):
            try:
                await self._trace.write(rows[start : start + AT_ONCE])
            except StoreError:
                self._waiting.extend(rows[start:])
                raise


class AuditEntry:
    """The rows of one transaction: one for each recipient that was decided on."""

    def __init__(
        self, audit: Audit, transaction: Transaction, decisions: Mapping[int, Decision | Incoming], direction: str = OUT
    ) -> None:
        self.decisions = decisions
        self._direction = direction
        self.signed_by: Mapping[int, str] = {}
        """Who signed the messages of these recipients."""
        self._audit = audit
        self._transaction = transaction
        self._written: set[int] = set()
        self._message_id: str | None = None

    async def write(self, told: Mapping[int, Reply]) -> None:
        """One row for each of these that was decided on and has none yet, with what it is answered."""
        due = [index for index in told if index in self.decisions and index not in self._written]
        if not due:
            return
        self._written.update(due)
        rows = [self._row(index, self.decisions[index], told[index]) for index in due]
        try:
            await self._audit.write(rows)
        except StoreError:
            self._transaction.log.error(Event.UNTRACED, rows=len(rows))

    @property
    def message_id(self) -> str:
        """Of the mail; looked for once, also for ten thousand recipients."""
        if self._message_id is None:
            self._message_id = headers.message_id(self._transaction.inbound.content)
        return self._message_id

    def _row(self, index: int, decision: Decision | Incoming, told: Reply) -> Record:
        inbound = self._transaction.inbound
        sender = inbound.envelope.sender
        fingerprint, binding = _keys(decision)
        return Record(
            time=inbound.received.timestamp(),
            id=inbound.id,
            queue_id=inbound.envelope.queue_id,
            message_id=self.message_id,
            sender=sender.text if sender else "",
            recipient=self._transaction.recipients[index].address.text,
            action=decision.action,
            rule=decision.rule,
            reason=decision.reason,
            fingerprint=fingerprint,
            binding=binding,
            signed_by=self.signed_by.get(index, ""),
            reply=f"{told.code} {told.enhanced}",
            size=len(inbound.content),
            shadow=self._transaction.shadow,
            direction=self._direction,
            mark=decision.mark.text if isinstance(decision, Incoming) else "",
        )


def _keys(decision: Decision | Incoming) -> tuple[str, str]:
    """The fingerprints that it is encrypted to, or that must not be used, and their binding."""
    match decision:
        case Encrypt() | Refuse() | Hold() | Pickup():
            return decision.fingerprint, decision.binding
        case _:
            return "", ""
