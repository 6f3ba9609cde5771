"""The running relay's link to the public web service: publishes what has changed, and fetches what visitors did.

An event is handed to the handler of its kind, and is done once the handler returns. A handler that raises gets it again
later, so handlers must be idempotent; the same happens if the process dies in between. No event makes others wait, and
nothing that a stranger sends stops the link. Only one process handles events at a time. A service that cannot be
reached is one line in the log, and another one when it works again; no mail waits for it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from relay.channel.client import Channel
from relay.config import Config
from relay.daemon import tls
from relay.daemon.jobs.publish_certificates import CertificatePublisher
from relay.model.errors import ChannelError, RelayError
from relay.model.public import EventKind, PublicEvent
from relay.store import Leases, Store
from relay.telemetry import events
from relay.telemetry.events import Event

EVERY = 2.0
AGAIN = 5.0
"""Seconds between two rounds; after one that failed."""
PATIENCE = 1.0
"""Seconds that events wait for what is being published."""
RETRY, STUCK = 30.0, 3600.0
"""Seconds until an event is tried again: after a foreseen error; after any other, or if it is postponed."""
MOST_PAGES = 40
"""Pages of events in one round: more than can wait there, however many the other end announces."""
DUTY = "public events"
LEASE = 300.0


class Postponed(RelayError):
    """The event is for later: as many of its kind as may were handled. It is no fault."""


Publisher = Callable[[Channel], Awaitable[None]]
"""Hands over what has changed since its last call."""
Handler = Callable[[PublicEvent, bytes], Awaitable[None]]
"""Judges what a stranger sent, and acts on it."""


class PublicLink:
    """`round` after `round`; `close` at the end."""

    def __init__(
        self,
        channel: Channel,
        publishers: Sequence[Publisher],
        handlers: Mapping[EventKind, Handler],
        leases: Leases,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.channel = channel
        self._publishers = publishers
        self._publishing: asyncio.Task[None] | None = None
        self._handlers = handlers
        self._leases = leases
        self._clock = clock
        self._later: dict[int, float] = {}
        """The numbers of events that could not be handled, and when they are tried again."""

    async def round(self) -> None:
        """Publish, and handle the waiting events, even while much is being published. Raises `ChannelError`."""
        publishing = self._publishing = self._publishing or asyncio.create_task(self._publish())
        await asyncio.wait({publishing}, timeout=PATIENCE)
        if publishing.done():
            self._publishing = None
            publishing.result()
        await self._take_all()

    async def close(self) -> None:
        """End what is being published, and the connections."""
        if self._publishing:
            self._publishing.cancel()
            await asyncio.wait({self._publishing})
        await self.channel.close()

    async def _publish(self) -> None:
        for publish in self._publishers:
            await publish(self.channel)

    async def _take_all(self) -> None:
        held, listed = False, set[int]()
        end = self._clock() + LEASE / 2  # the rest is done in the next round, with a lease of its own
        try:
            async for event in self._waiting():
                listed.add(event.number)
                if not self._is_due(event):
                    continue
                held = held or bool(await self._leases.take(DUTY, LEASE))
                if not held or self._clock() >= end:
                    return
                await self._take(event)
            self._later = {number: until for number, until in self._later.items() if number in listed}
        finally:
            if held:
                await self._leases.done(DUTY, 0.0)

    async def _waiting(self) -> AsyncIterator[PublicEvent]:
        """The events in their order, as far as their numbers rise."""
        after = 0
        for _ in range(MOST_PAGES):
            found = await self.channel.events(after)
            for event in found:
                if event.number <= after:
                    return
                after = event.number
                yield event
            if not found:
                return

    def _is_due(self, event: PublicEvent) -> bool:
        return self._later.get(event.number, 0.0) <= self._clock()

    async def _take(self, event: PublicEvent) -> None:
        handler = self._handlers.get(event.kind)
        if handler is None:
            events.log().warning(Event.PUBLIC_EVENT_DROPPED, kind=event.kind)
        else:
            octets = await self.channel.octets(event) if event.size else b""
            if octets is None:
                return
            if again := await _handled(handler, event, octets):
                self._later[event.number] = self._clock() + again
                return
        self._later.pop(event.number, None)
        await self.channel.done(event)


async def _handled(handler: Handler, event: PublicEvent, octets: bytes) -> float:
    """0: it is done; else the seconds after which it is tried again."""
    try:
        await handler(event, octets)
    except Postponed:
        return STUCK
    except Exception as error:  # noqa: BLE001  a stranger wrote the event: nothing in it may end the link
        events.log().error(Event.FAILED, **events.unforeseen(error))
        return RETRY if isinstance(error, RelayError) else STUCK
    return 0.0


def build_channel(config: Config) -> Channel | None:
    """The way to the public web service; None where there is none."""
    if not config.web.linked:
        return None
    return Channel(config.channel, tls.channel(config, ssl.Purpose.SERVER_AUTH))


def build_link(
    config: Config, store: Store, handlers: Mapping[EventKind, Handler], channel: Channel | None
) -> PublicLink | None:
    """The link that publishes over the channel and handles its events; None without a channel."""
    if channel is None:
        return None
    certificates = CertificatePublisher(store.own_keys, config.own.domains)
    return PublicLink(channel, [certificates.publish], handlers, store.leases)


async def keep_linked(current: Callable[[], PublicLink | None]) -> None:
    """Until cancelled; `current` is asked before each round, for a reload may have changed the link."""
    reached = True
    while True:
        link = current()
        try:
            if link:
                await link.round()
            reached = _told(reached=True, before=reached)
        except ChannelError as error:
            reached = _told(reached=False, before=reached, why=str(error))
        except Exception as error:  # noqa: BLE001  the link goes on, as the regular jobs do
            events.log().error(Event.FAILED, **events.unforeseen(error))
        await asyncio.sleep(EVERY if reached else AGAIN)


def _told(*, reached: bool, before: bool, why: str = "") -> bool:
    if reached and not before:
        events.log().info(Event.PUBLIC_REACHED)
    elif before and not reached:
        events.log().warning(Event.PUBLIC_UNREACHABLE, reason=why)
    return reached
