"""Invites those for whom a mail is held to give us their key.

Once a week at most, three times without an answer and then not for 90 days, never who has said "not me", and within
the day's budget (`relay.store.invitations`).
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from relay.daemon.enrolment.challenger import Publish, digest
from relay.daemon.enrolment.service_mail import ServiceMail, reachable
from relay.keys.stored import StoredKeys
from relay.mail.enrolment_letters import EnrolmentLetters
from relay.model import Address, Found, Lookup, Origin, Outage
from relay.model.enrolment import TOKEN_OCTETS, Budget
from relay.model.errors import NextHopError, RelayError
from relay.model.public import ObjectKind, PublicObject
from relay.store import Invitations
from relay.telemetry import events
from relay.telemetry.events import Event

MACHINES = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "bounce", "bounces"})
"""Local parts of addresses that nobody reads."""
REFUSABLE = 90 * 86400.0
"""Seconds in which the link for "not me" works."""


@dataclass(frozen=True, slots=True)
class Inviter:
    """Invites the recipients of held mail to send in a key; implements `relay.pipeline.ports.Asking`."""

    stored_keys: StoredKeys
    register: Invitations
    letters: EnrolmentLetters
    mail: ServiceMail
    own_domains: frozenset[str]
    budget: Budget
    publish: Publish | None = None
    """Puts an object on the public web service; None: there is no page."""
    clock: Callable[[], float] = time.time

    async def ask(self, recipient: Address) -> bool:
        """Return whether this person is asked now or was within the last week. Never raises."""
        try:
            return await self.invite(recipient)
        except RelayError as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))
            return False

    async def invite(self, recipient: Address) -> bool:
        """The same as `ask`, but raises `StoreError`, `EngineError`, `ChannelError` and `NextHopError`."""
        address = reachable(recipient.text, self.own_domains)
        if address is None or address.local.lower() in MACHINES:
            return False
        if not _is_missing(await self.stored_keys.lookup(address)):
            return False
        token = secrets.token_urlsafe(TOKEN_OCTETS)
        if not await self.register.begin(address, digest(token), self.budget):
            return await self.register.asked(address)
        try:
            return await self._send(address, token)
        except RelayError:
            await self.register.take_back(address, digest(token))
            raise

    async def _send(self, address: Address, token: str) -> bool:
        """Return whether the next hop took it. A permanent refusal is not tried again before the next one is due."""
        now = self.clock()
        if self.publish:
            await self.publish(PublicObject(ObjectKind.INVITATION, digest(token), b"", math.ceil(now + REFUSABLE)))
        reply = await self.mail.send(address, self.letters.invitation(address, now, token))
        if reply.temporary:
            raise NextHopError("the next hop does not take an invitation now")
        events.log().info(Event.INVITED, recipient=address.text, code=reply.code)
        return reply.accepted


def _is_missing(known: Lookup) -> bool:
    """Whether the address has no key for a held mail: a harvested one does not count. False in an outage."""
    found = isinstance(known, Found) and known.origin is not Origin.HARVESTED
    return not found and not isinstance(known, Outage)
