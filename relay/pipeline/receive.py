"""Step 1: accept a message, or answer why not; recipients served by an earlier attempt get their reply."""

from __future__ import annotations

from dataclasses import dataclass

from relay.mail import headers, probe
from relay.model import Inbound, Reply, replies
from relay.pipeline.audit import Audit
from relay.pipeline.ledger import BufferedLedger, LedgerEntry, digest
from relay.pipeline.transaction import Transaction
from relay.process.pool import Document
from relay.telemetry.events import Event

MOST_HOPS = 50

_INCOMING = b"in"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Admits messages while ledger and trace can be written."""

    ledger: BufferedLedger
    audit: Audit
    incoming: bool = False
    """Whether this is the incoming way: its transactions differ from outgoing ones with the same octets."""
    authserv_id: str = ""
    """For the incoming way: the identifier of the `Authentication-Results` that count."""

    async def receive(self, transaction: Transaction, document: Document) -> LedgerEntry | None:
        """The transaction's entry in the ledger; None where the mail goes no further, and all have their reply.

        Raises `StoreError` where ledger or trace cannot be written, `TimeoutError` where another attempt at the same
        transaction goes on too long.
        """
        inbound = transaction.inbound
        transaction.log.debug(
            Event.RECEIVED, size=len(inbound.content), recipients=len(transaction.recipients), protocol=inbound.protocol
        )
        found = await document.run(_examined, inbound, self.incoming)
        if isinstance(found, Reply):
            transaction.log.warning(Event.REJECTED, code=found.code, status=found.enhanced)
            transaction.answer(transaction.everyone, found)
            return None
        if await self._is_probe(transaction):
            transaction.answer(transaction.everyone, replies.delivered(inbound.id))
            return None
        await self.audit.ready()
        entry = await self.ledger.open(found)
        transaction.is_ours = entry.is_ours
        self._answer_served(transaction, entry)
        if not transaction.is_awaited():
            # a client that left may have sent it again, and have had its final answer there: then the ledger has
            # forgotten who was served
            transaction.answer(transaction.open, replies.failed(inbound.id))
        return entry

    async def _is_probe(self, transaction: Transaction) -> bool:
        """Whether `postfix check-path` sent it.

        A probe is noted in the ledger as arrived, and goes no further. A probe for the other way goes on.
        """
        token = probe.token_in(transaction.inbound.content)
        if token is None:
            return False
        entry = await self.ledger.open(probe.digest(token))
        try:
            if (probe.REGISTERED_INBOUND if self.incoming else probe.REGISTERED) not in entry.known:
                return False
            forged = self.incoming and probe.is_forged(transaction.inbound.content, self.authserv_id)
            seen = [recipient.address.text for recipient in transaction.recipients]
            await entry.record([*([probe.FORGED] if forged else []), *seen])
        finally:
            entry.close()
        transaction.log.info(Event.PROBED, recipients=len(transaction.recipients))
        return True

    def _answer_served(self, transaction: Transaction, entry: LedgerEntry) -> None:
        served = [at for at, recipient in enumerate(transaction.recipients) if entry.is_served(recipient.address)]
        if served:
            transaction.log.info(Event.ALREADY_SERVED, recipients=len(served))
            transaction.answer(served, replies.delivered(transaction.inbound.id))


def _examined(inbound: Inbound, incoming: bool) -> bytes | Reply:  # noqa: FBT001  called through the pool
    """The digest of its transaction, or why it is not taken."""
    rejected = rejection(inbound.content, inbound.id)
    return rejected or digest(inbound.envelope, inbound.content, _INCOMING if incoming else b"")


def rejection(content: bytes, id_: str) -> Reply | None:
    """The reply to a mail that is not taken because of its form; None: it is taken."""
    hops = headers.hops(content)
    if hops is None:
        return replies.header_too_large(id_)
    if headers.faulty(content):
        return replies.malformed(id_)
    return replies.loop(id_) if hops > MOST_HOPS else None
