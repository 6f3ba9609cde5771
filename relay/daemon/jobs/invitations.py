"""Invites those for whom a mail is held to give us their key on the page.

Once a week at most, three times without an answer and then not for 90 days, and within the day's budget
(`relay.store.invitations`). Of all processes one does it at a time. The invitation is signed by ours, has the null
sender, and goes by the way of our notices. Raises `StoreError`, `EngineError` and `NextHopError`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.keys.stored import StoredKeys
from relay.mail.enrolment_letters import EnrolmentLetters
from relay.mail.hidden_recipients import NOBODY
from relay.model import Address, Envelope, Inbound, NotFound, Recipient, Signer
from relay.model.enrolment import Budget
from relay.model.errors import AddressError
from relay.pipeline.encrypt import Encryptor
from relay.pipeline.grouping import Group
from relay.pipeline.ports import Outlet
from relay.process.pool import Document
from relay.smtp.message_ids import new_id
from relay.store import Invitations, Leases, Trace
from relay.telemetry import events
from relay.telemetry.events import Event

DUTY = "invitations"
LEASE = 600.0
EVERY = 30.0
MACHINES = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "bounce", "bounces"})
"""Local parts of addresses that nobody reads."""


@dataclass(frozen=True, slots=True)
class InvitationJob:
    """`round` is one turn of the scheduler."""

    trace: Trace
    stored_keys: StoredKeys
    register: Invitations
    letters: EnrolmentLetters
    encryptor: Encryptor
    signer: Callable[[], Awaitable[Signer | None]]
    outlet: Outlet
    leases: Leases
    own_domains: Collection[str]
    budget: Budget
    waits: float
    every: float = EVERY
    clock: Callable[[], float] = time.time

    async def round(self) -> None:
        """Invite whoever is due."""
        if not await self.leases.take(DUTY, LEASE):
            return
        held = await self.trace.held(self.clock() - self.waits)
        for address in dict.fromkeys(filter(None, (self._address(record.recipient) for _, record in held))):
            if isinstance(await self.stored_keys.lookup(address), NotFound):
                await self._invite(address)
        await self.leases.done(DUTY, self.every)

    def _address(self, text: str) -> Address | None:
        """Whom we may write to: a person elsewhere whose address is read by all in the same way."""
        try:
            address = Address(text)
        except AddressError:
            return None
        odd = address.ambiguous or address.nameless or not address.text.isprintable()
        nobody = address.domain in self.own_domains or address.local.lower() in MACHINES
        return None if odd or nobody else address

    async def _invite(self, address: Address) -> None:
        if not await self.register.begin(address, self.budget):
            return
        options = () if address.is_ascii else ("SMTPUTF8",)
        envelope = Envelope(None, (Recipient(address, ("NOTIFY=NEVER",)),), options)
        content = self.letters.invitation(address, self.clock())
        inbound = Inbound(
            new_id(), envelope, content, datetime.now(UTC), "127.0.0.1", "invitation", "HTTP", single_answer=False
        )
        with Document(content) as document:
            message = await self.encryptor.make(
                inbound, Group((0,), hidden=NOBODY, signer=await self.signer()), document
            )
        (reply,) = await self.outlet.send(envelope, message.content)
        events.log().info(Event.INVITED, recipient=address.text, code=reply.code)
