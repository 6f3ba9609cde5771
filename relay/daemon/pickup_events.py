"""Events of the public service, checked again here: a pick-up was opened, or answered.

An event may come from anybody: it counts only if the pick-up is ours, its token is right, and an answer can be
decrypted with the key of its recipient. Answers are limited here too, because whoever has taken the public service
over can make as many as they like. Raises `StoreError`, and `NextHopError` and `Postponed` for what comes again.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address

from relay.config import Config
from relay.daemon.public_link import Handler, Postponed
from relay.mail.notice_texts import Language
from relay.mail.pickup_answer import Answers
from relay.model import Address, Envelope, Inbound, Recipient, Record
from relay.model.errors import NextHopError
from relay.model.pickup import PICKED_UP, Pickup, PickupState
from relay.model.public import EventKind, PublicEvent
from relay.pipeline.incoming import IncomingPipeline
from relay.pipeline.opened_envelope import HeadersReturned
from relay.pipeline.pickup_answer import AnswerTreater
from relay.smtp.message_ids import new_id
from relay.store import Pickups, Store, Trace
from relay.telemetry import events
from relay.telemetry.events import Event

SERVICE = "pickup"
"""The local part of the address that answers come from."""
DAY = 24 * 3600.0
MOST_ANSWERS = 20
MOST_OF_READER = 250
MOST_OF_SENDER = 500
"""Answers that are handed over on one day (UTC): to one pick-up, by one reader to one sender, and to one sender in all.

The others wait. At midnight twice as many may pass within an hour, also where nodes' clocks differ.
"""


@dataclass(frozen=True, slots=True)
class PickupEvents:
    """Handles what readers of pick-ups did, as `relay.daemon.public_link` fetched it."""

    register: Pickups
    trace: Trace
    answers: IncomingPipeline | None
    """The incoming way for answers; None: there is none, and answers are dropped."""
    mails: Answers
    clock: Callable[[], float] = time.time

    async def opened(self, event: PublicEvent, token: bytes) -> None:
        """Record the first time, first in the trace: an event that is interrupted between the two comes again.

        It counts after the end too: the pick-up may have been withdrawn since, because of a wrong address.
        """
        one = await self.register.get(event.about)
        if one is None or one.state is PickupState.INACTIVE or one.opened is not None:
            return
        if not hmac.compare_digest(hashlib.sha256(token).digest(), one.proof):
            return
        now = self.clock()
        await self.trace.write([_picked_up(one, now)])
        if await self.register.mark_opened(one.id, _when(one, event, now)):
            events.log().info(Event.PICKUP_OPENED, recipient=one.recipient.text)

    async def answered(self, event: PublicEvent, ciphertext: bytes) -> None:
        """Hand it to the original sender alone, by the incoming way."""
        one = await self.register.get(event.about)
        if one is None or one.sender is None or self.answers is None:
            return
        day = int(self.clock() // DAY)
        counted = await self.register.answers(one, day)
        most = (MOST_ANSWERS, MOST_OF_READER, MOST_OF_SENDER)
        if any(count >= bound for count, bound in zip(counted, most, strict=True)):
            raise Postponed("as many answers as may were handed over today")
        attempt = self.answers.begin(self._inbound(one, one.sender, event, ciphertext))
        (reply,) = await attempt.replies()
        await attempt.settle(delivered=False)  # the ledger knows who is served: an event may be told twice
        if reply.temporary:
            raise NextHopError("the answer to a pick-up cannot be delivered now")
        await self.register.count_answer(one.id, day)
        events.log().info(Event.PICKUP_ANSWERED, recipient=one.recipient.text, code=reply.code)
        if any(count + 1 == bound for count, bound in zip(counted, most, strict=True)):
            events.log().warning(Event.PICKUP_ANSWERS_LIMITED, recipient=one.recipient.text)

    def _inbound(self, one: Pickup, to: Address, event: PublicEvent, ciphertext: bytes) -> Inbound:
        written = datetime.fromtimestamp(_when(one, event, one.expires), UTC)  # the same when it is told again
        return Inbound(
            id=new_id(),
            envelope=Envelope(self.mails.service, (Recipient(to, ("NOTIFY=NEVER",)),)),
            content=self.mails.mail(one, to, ciphertext, written),
            received=datetime.now(UTC),
            peer="127.0.0.1",
            helo=self.mails.service.domain,
            protocol="HTTP",
            single_answer=False,
        )


def _when(one: Pickup, event: PublicEvent, latest: float) -> float:
    """When a reader did it, in seconds since the epoch, by a clock that may be wrong: never after `latest`."""
    return min(max(float(event.time), one.created), max(latest, one.created))


def _picked_up(one: Pickup, now: float) -> Record:
    """When this was noticed, by our clock; the public service's may be anything."""
    return Record(
        time=now,
        id=new_id(),
        queue_id="",
        message_id=one.message_id,
        sender=one.sender.text if one.sender else "",
        recipient=one.recipient.text,
        action=PICKED_UP,
        rule="",
        reason="the token from inside proves that it was opened",
        fingerprint="",
        signed_by="",
        reply="",
        size=one.size,
    )


def handlers(config: Config, store: Store, incoming: IncomingPipeline | None) -> Mapping[EventKind, Handler]:
    """What is done with readers' events."""
    if config.pickup.url is None:
        return {}
    answers = _answers(incoming) if incoming else None
    service = Address(f"{SERVICE}@{_domain(config.pickup.host)}")
    found = PickupEvents(store.pickups, store.trace, answers, Answers(service, Language(config.notices.language)))
    return {EventKind.OPENED: found.opened, EventKind.ANSWER: found.answered}


def _answers(incoming: IncomingPipeline) -> IncomingPipeline:
    return replace(incoming, treater=_of_answers(incoming), envelopes=HeadersReturned(), key_mails=None)


def _of_answers(incoming: IncomingPipeline) -> AnswerTreater:
    treater = incoming.treater
    return AnswerTreater(treater.opener, treater.register, treater.signers, treater.in_pool, treater.budget)


def _domain(host: str) -> str:
    """As the domain of an address: a literal where it is no name (RFC 5321 section 4.1.3)."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"
