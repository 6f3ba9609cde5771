"""The running relay's link to the public web service: publishes what has changed, and takes what visitors did.

An event is handed to its kind's handler, and is over once the handler returns; a handler that raises `RelayError` gets
it again in the next round. A process that dies between the two gets it again as well: handlers do nothing twice for
one event. Of several processes one takes events at a time. A service that cannot be reached is one line in the log, and
another one when it is back; no mail waits for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

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
DUTY = "public events"
LEASE = 300.0

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
    ) -> None:
        self.channel = channel
        self._publishers = publishers
        self._handlers = handlers
        self._leases = leases

    async def round(self) -> None:
        """Publish, then take what is there. Raises `ChannelError`."""
        for publish in self._publishers:
            await publish(self.channel)
        found = await self.channel.events()
        if found and await self._leases.take(DUTY, LEASE):
            try:
                while found:
                    for event in found:
                        await self._take(event)
                    found = await self.channel.events(found[-1].number)
            finally:
                await self._leases.done(DUTY, 0.0)

    async def close(self) -> None:
        """End its connections."""
        await self.channel.close()

    async def _take(self, event: PublicEvent) -> None:
        handler = self._handlers.get(event.kind)
        if handler is None:
            events.log().warning(Event.PUBLIC_EVENT_DROPPED, kind=event.kind)
        else:
            octets = await self.channel.octets(event) if event.size else b""
            if octets is None or not await _handled(handler, event, octets):
                return
        await self.channel.done(event)


async def _handled(handler: Handler, event: PublicEvent, octets: bytes) -> bool:
    try:
        await handler(event, octets)
    except RelayError as error:
        events.log().error(Event.FAILED, **events.unforeseen(error))
        return False
    return True


def build_channel(config: Config) -> Channel | None:
    """The way to the public web service; None where there is none."""
    if not config.web.linked:
        return None
    return Channel(config.channel, tls.channel(config, ssl.Purpose.SERVER_AUTH))


def build_link(
    config: Config, store: Store, handlers: Mapping[EventKind, Handler], channel: Channel | None
) -> PublicLink | None:
    """What publishes over the channel, and what is done with its events; None without a channel."""
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
        except RelayError as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))
        await asyncio.sleep(EVERY if reached else AGAIN)


def _told(*, reached: bool, before: bool, why: str = "") -> bool:
    if reached and not before:
        events.log().info(Event.PUBLIC_REACHED)
    elif before and not reached:
        events.log().warning(Event.PUBLIC_UNREACHABLE, reason=why)
    return reached
