"""One attempt at delivering a mail, from its receipt to what is kept of it: `smtp`'s `Delivery`.

The story (`relay.pipeline.outgoing`) says what happens to the mail. Whatever becomes of the story, an attempt answers
every recipient, traces every decision before the answer, and settles the ledger after it. Raises nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from relay.model import Reply
from relay.model.errors import StoreError, TurnLost
from relay.model.ledger_key import names_of, told
from relay.pipeline import outcome
from relay.pipeline.audit import AuditEntry
from relay.pipeline.ledger import LedgerEntry
from relay.pipeline.transaction import Transaction
from relay.telemetry.events import Event, unforeseen

T = TypeVar("T")


class Attempt:
    """One attempt: call `replies`, then `settle`."""

    def __init__(self, transaction: Transaction, story: Callable[[Attempt], Awaitable[None]]) -> None:
        self.transaction = transaction
        self.ledger: LedgerEntry | None = None
        """Once the message is received."""
        self.audit: AuditEntry | None = None
        """Once there are decisions."""
        self._story = story

    @property
    def digest(self) -> bytes:
        """What identifies the transaction over all its retries."""
        if self.ledger is None:
            raise RuntimeError("the message is not received yet")
        return self.ledger.digest

    async def replies(self, awaited: Callable[[], bool] = lambda: True) -> tuple[Reply, ...]:
        """One reply for each recipient, in the envelope's order; anything unforeseen is 451."""
        transaction = self.transaction
        transaction.is_awaited = awaited
        await self.guarded(self._story(self))
        outcomes = transaction.outcomes()
        if self.audit:
            await self.guarded(self.audit.write(outcomes))
        given = transaction.final_replies()
        codes = Counter(reply.code for reply in given)
        transaction.log.debug(Event.ANSWERED, codes=dict(codes), seconds=round(time.monotonic() - transaction.began, 4))
        await self.guarded(outcome.tell(transaction, self.audit, outcomes))
        return given

    async def settle(self, *, delivered: bool) -> None:
        """`delivered`: the client got its answers. Then the ledger forgets its recipients, otherwise it keeps them."""
        if self.ledger is None:
            return
        try:
            if delivered:
                await self._forget_final(self.ledger)
            else:
                await self._record(self.transaction.accepted())
        except StoreError as error:
            self.transaction.log.error(Event.FAILED, **unforeseen(error))
        finally:
            self.ledger.close()

    async def guarded(self, step: Awaitable[T]) -> T | None:
        """What the step returns; None where it raises, which is told in the log."""
        try:
            return await step
        except TurnLost:
            self.transaction.log.warning(Event.TURN_LOST)
            return None
        except Exception as error:  # noqa: BLE001  the last wall: whatever is unforeseen is temporary
            self.transaction.log.error(Event.FAILED, **unforeseen(error))
            return None

    async def record_served(self, indexes: Sequence[int]) -> None:
        """Note in ledger and trace at once that these are served, if a retry could serve them again.

        If one message serves all recipients, only RFC 1047's window remains, and nothing has to be noted.
        """
        if len(indexes) < len(self.transaction.recipients) or (self.ledger and self.ledger.known):
            await self._record(indexes)

    async def record_told(self, indexes: Iterable[int]) -> None:
        """Note in the ledger that the sender knows: the mail waits for these recipients."""
        await self._write(told(self._key(index)) for index in indexes)

    def knows(self, index: int) -> bool:
        """Whether the sender was told, by this attempt or an earlier one, that the mail waits for this recipient."""
        return self.ledger is not None and self.ledger.is_told(self.transaction.recipients[index].address)

    def _key(self, index: int) -> str:
        """In the ledger: the address exactly as it came, since `Bob@` may not be `bob@`."""
        return self.transaction.recipients[index].address.text

    async def _record(self, indexes: Sequence[int]) -> None:
        told = {index: self.transaction.replies[index] for index in indexes}
        writes = [self._write(map(self._key, indexes))]
        if self.audit:
            writes.append(self.audit.write(told))
        await asyncio.gather(*writes)

    async def _write(self, keys: Iterable[str]) -> None:
        if self.ledger and (waiting := await self.ledger.record(keys)):
            self.transaction.log.error(Event.UNTRACED, rows=waiting)

    async def _forget_final(self, ledger: LedgerEntry) -> None:
        if not ledger.has_rows:
            return
        final = [at for at, reply in enumerate(self.transaction.final_replies()) if not reply.temporary]
        keys = [name for index in final for name in names_of(self.transaction.recipients[index].address)]
        await ledger.forget([*keys, *map(told, keys)])
