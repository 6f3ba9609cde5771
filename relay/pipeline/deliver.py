"""Room seven: hand over what was made, tell the sender what was not, keep the ledger.

Promises that each recipient's reply says what the next hop said, that whoever was served is in the ledger and in
the trace before the next message of the transaction leaves (wherever a retry could serve again), that a failure
after the first message does not undo the reply of a recipient who was served, and that nothing is begun that
could end after the client has given up (Postfix: 1200 s) and sends again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.mail.notice import Kind, Told
from relay.model import Defer, Hold, Inbound, Refuse, Reply, replies
from relay.model.errors import NextHopError, StoreError
from relay.pipeline.audit import Audit
from relay.pipeline.grouping import Group, unchanged
from relay.pipeline.ledger import BufferedLedger
from relay.pipeline.notify import Notifier
from relay.pipeline.ports import Outlet
from relay.pipeline.transaction import Transaction
from relay.policy import Telling
from relay.telemetry.events import Event, unforeseen

ENDS_WITHIN = 1180.0
"""Seconds from a mail's arrival to the next hop's last answer."""
_TOLD = "<told>"  # before an address in the ledger: the sender knows that this mail is held. No address holds a <


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Sends, notifies and records."""

    outlet: Outlet
    notifier: Notifier
    ledger: BufferedLedger
    audit: Audit
    longest: float = 660.0
    """Seconds the next hop may take for one message: what would end too late is not begun."""
    _unsettled: dict[str, Transaction] = field(default_factory=dict)

    async def deliver(self, transaction: Transaction, made: list[tuple[Group, bytes]]) -> None:
        """Give every open recipient a reply. `made` is emptied: what has left needs no memory."""
        self._answer_by_decision(transaction)
        await self._hand_over(transaction, made)
        await self._tell_refused(transaction)
        await self._tell_undelivered(transaction)
        await self._tell_held(transaction)

    async def deliver_unchanged(self, transaction: Transaction, message: bytes) -> None:
        """Shadow mode: whatever was decided, everyone gets this. What the next hop refuses is told all the same."""
        groups = unchanged(transaction.open, transaction.hidden)
        await self._hand_over(transaction, [(group, message) for group in groups])
        await self._tell_undelivered(transaction)

    async def _hand_over(self, transaction: Transaction, made: list[tuple[Group, bytes]]) -> None:
        while made:
            group, message = made.pop(0)
            if self._in_time(transaction):
                await self._send(transaction, group, message)

    def _in_time(self, transaction: Transaction) -> bool:
        return time.monotonic() < transaction.began + ENDS_WITHIN - self.longest

    async def _tell(self, transaction: Transaction, kind: Kind, told: Sequence[Told]) -> Reply:
        if not self._in_time(transaction):
            return replies.next_hop_down(transaction.inbound.id)
        try:
            async with asyncio.timeout_at(transaction.began + ENDS_WITHIN):
                return await self.notifier.tell(transaction, kind, told)
        except TimeoutError:
            return replies.next_hop_down(transaction.inbound.id)

    def remember(self, transaction: Transaction) -> None:
        """Keep what `settle` will need."""
        self._unsettled[transaction.inbound.id] = transaction

    async def settle(self, inbound: Inbound, *, delivered: bool) -> None:
        """The client got its answers (then the ledger may forget them) or left (then it must know them)."""
        transaction = self._unsettled.pop(inbound.id, None)
        if transaction is None or not transaction.digest:
            return
        try:
            if delivered:
                await self._forget_final(transaction)
            else:
                await self._record(transaction, transaction.accepted())
                transaction.log.warning(Event.UNANSWERED, served=len(transaction.accepted()))
        except StoreError as error:
            transaction.log.error(Event.FAILED, **unforeseen(error))
        finally:
            self.ledger.locks.release(transaction.digest)

    def _answer_by_decision(self, transaction: Transaction) -> None:
        for index in transaction.open:
            match transaction.decisions[index]:
                case Defer():
                    transaction.answer((index,), replies.source_down(transaction.inbound.id))
                case Hold():
                    transaction.answer((index,), replies.held(transaction.inbound.id))
                case Refuse() as refusal if transaction.telling(index, refusal) is not Telling.NOTICE:
                    transaction.answer((index,), replies.refused(transaction.inbound.id))
                case _:
                    pass

    async def _send(self, transaction: Transaction, group: Group, message: bytes) -> None:
        recipients = tuple(transaction.recipients[index] for index in group.recipients)
        begun = time.monotonic()
        try:
            async with asyncio.timeout_at(transaction.began + ENDS_WITHIN):
                given = await self.outlet.send(transaction.inbound.envelope.only(recipients), message)
        except (NextHopError, TimeoutError) as error:
            transaction.log.warning(Event.DEFERRED, recipients=len(recipients), **unforeseen(error))
            transaction.answer(group.recipients, replies.next_hop_down(transaction.inbound.id))
            return
        transaction.log.debug(Event.HANDED, recipients=len(recipients), seconds=round(time.monotonic() - begun, 4))
        for index, reply in zip(group.recipients, given, strict=True):
            self._take(transaction, index, reply)
        await self._record_if_split(transaction, [i for i in group.recipients if transaction.is_accepted(i)])

    def _take(self, transaction: Transaction, index: int, reply: Reply) -> None:
        transaction.log.info(Event.RELAYED, recipient=transaction.recipients[index].address.text, code=reply.code)
        if reply.permanent and transaction.inbound.single_answer:
            transaction.undelivered[index] = reply
        else:
            transaction.answer((index,), replies.delivered(transaction.inbound.id) if reply.accepted else reply)

    async def _tell_refused(self, transaction: Transaction) -> None:
        refused = {i: d for i in transaction.open if isinstance(d := transaction.decisions.get(i), Refuse)}
        if refused:
            told = [Told(transaction.recipients[i], d.reason, "5.7.1") for i, d in refused.items()]
            transaction.answer(refused, await self._tell(transaction, Kind.REFUSED, told))
            await self._record_if_split(transaction, [i for i in refused if transaction.replies[i].accepted])

    async def _tell_undelivered(self, transaction: Transaction) -> None:
        """SMTP has one answer: where others were served, a refusal by the next hop is told by a notice."""
        failed = transaction.undelivered
        served = bool(transaction.accepted())
        tellable = [i for i in failed if served and transaction.can_be_told(i)]
        if tellable:
            told = [Told(transaction.recipients[i], "", failed[i].enhanced) for i in tellable]
            transaction.answer(tellable, await self._tell(transaction, Kind.UNDELIVERED, told))
            await self._record(transaction, [i for i in tellable if transaction.replies[i].accepted])
        for index, reply in failed.items():
            transaction.answer((index,), reply)

    async def _tell_held(self, transaction: Transaction) -> None:
        waiting = {
            i: d
            for i, d in transaction.decisions.items()
            if isinstance(d, Hold)
            and transaction.telling(i, d) is Telling.NOTICE
            and _TOLD + transaction.key(i) not in transaction.known
        }
        if waiting:
            told = [Told(transaction.recipients[i], d.reason, "4.7.1") for i, d in waiting.items()]
            if (await self._tell(transaction, Kind.HELD, told)).accepted:
                await self._write(transaction, [_TOLD + transaction.key(i) for i in waiting])

    async def _record_if_split(self, transaction: Transaction, indexes: Sequence[int]) -> None:
        """One message for one recipient has nothing that a retry could serve twice but RFC 1047's window."""
        if len(indexes) < len(transaction.recipients) or transaction.known:
            await self._record(transaction, indexes)

    async def _record(self, transaction: Transaction, indexes: Sequence[int]) -> None:
        await asyncio.gather(
            self._write(transaction, [key for i in indexes if (key := transaction.key(i)) not in transaction.known]),
            self.audit.record(transaction, {i: transaction.replies[i] for i in indexes}),
        )

    async def _write(self, transaction: Transaction, keys: Sequence[str]) -> None:
        if new := [key for key in keys if key not in transaction.recorded]:
            transaction.recorded.update(new)
            if not await self.ledger.record(transaction.digest, new):
                transaction.log.error(Event.UNTRACED, rows=len(new))

    async def _forget_final(self, transaction: Transaction) -> None:
        final = [i for i, reply in enumerate(transaction.final_replies()) if not reply.temporary]
        keys = {transaction.key(i) for i in final} | {_TOLD + transaction.key(i) for i in final}
        if rows := sorted(keys & (transaction.known | transaction.recorded)):
            await self.ledger.forget(transaction.digest, rows)
