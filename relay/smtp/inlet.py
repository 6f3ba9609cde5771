"""The server: listens for LMTP and SMTP, has each message handled once, answers, and stops without losing one.

`begin` gets an `Inbound` and returns its `Delivery`. Asking that for its replies is never cancelled because a client
left or a timer ran out: only `stop` ends it, after its grace. Whatever it raises, the client is told 451 and an id (RFC
5321 section 4.2.5: it keeps the mail). Every delivery is settled, once and last.

`start` raises `ListenError` where it cannot listen, `ValueError` for a place that is only delivered to.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence

from relay.model import Inbound, Reply, replies
from relay.model.endpoint import Endpoint
from relay.process.budget import Budget
from relay.process.open_files import allow_open_files
from relay.process.room import Room
from relay.smtp.bounds import Bounds, Network, allowed
from relay.smtp.listeners import Listeners
from relay.smtp.memory_share import MemoryShare
from relay.smtp.server_context import Answer, Awaited, Begin, Delivery, Dismissable
from relay.smtp.session import Session
from relay.telemetry import events

_OTHER_FILES = 256


class Inlet:
    """All the places this process listens on."""

    def __init__(
        self,
        begin: Begin,
        *,
        hostname: str,
        allow: Sequence[Network],
        tls: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        if not callable(begin):
            raise TypeError("an inlet that hands messages to nobody would answer 250 and lose the mail")
        self._begin = begin
        self._allow = tuple(allow)
        self.hostname = hostname
        self.tls = tls
        self.bounds = bounds or Bounds()
        self.budget = Budget(self.bounds.room)
        self.room = Room(self.bounds.room)
        self.stopping = False
        self._listeners = Listeners(lambda lmtp: Session(self, lmtp=lmtp))
        self._sessions: set[Dismissable] = set()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()

    async def start(self, place: Endpoint, *, listening: socket.socket | None = None) -> tuple[str, ...]:
        """Listen there; the URLs really listened on (port 0 takes a free one, a name may have two addresses).

        `listening` is the place's socket where somebody else has made it, and removes it (`smtp.listening`).
        """
        allow_open_files(2 * self.bounds.connections + _OTHER_FILES)  # each may need one to the next hop
        return await self._listeners.add(place, listening)

    def listen_no_more(self) -> None:
        """Refuse new connections from now on."""
        self.stopping = True
        self._listeners.close()

    async def stop(self, grace: float) -> None:
        """Listen no more, let what is in flight finish within `grace` seconds, end the rest."""
        self.listen_no_more()
        for session in tuple(self._sessions):
            if not session.busy:
                session.dismiss(replies.CLOSING)
        try:
            async with asyncio.timeout(grace):
                await self._until_quiet()
        except TimeoutError:
            await self._end()

    async def _until_quiet(self) -> None:
        while self._sessions or self._deliveries:
            self._quiet.clear()
            await self._quiet.wait()

    async def _end(self) -> None:
        """Cancel what is still running; no 250 is sent for it, so the client keeps the mail."""
        for delivery in tuple(self._deliveries):
            delivery.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        for session in tuple(self._sessions):
            session.dismiss(replies.CLOSING, at_once=True)
        await self._until_quiet()

    # What a session asks (`server_context.Host`)

    def arrive(self, session: Dismissable, peer: str) -> Reply | None:
        """Admit a connection, or say why not."""
        if not allowed(peer, self._allow):
            events.log().warning(events.Event.DENIED, peer=peer)
            return replies.not_allowed()
        if self.stopping:
            return replies.CLOSING
        if len(self._sessions) >= self.bounds.connections and not self._make_room():
            events.log().warning(events.Event.CROWDED, peer=peer, connections=len(self._sessions))
            return replies.CROWDED
        self._sessions.add(session)
        return None

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest, so that idle connections keep nobody out."""
        longest = min((one for one in self._sessions if not one.busy), key=lambda one: one.spoke, default=None)
        if longest is None or time.monotonic() - longest.spoke < self.bounds.idle_when_crowded:
            return False
        self._sessions.discard(longest)
        longest.dismiss(replies.CROWDED, at_once=True)
        return True

    def leave(self, session: Dismissable) -> None:
        """A connection is gone."""
        self._sessions.discard(session)
        self._quiet.set()

    def deliver(self, inbound: Inbound, answer: Answer, awaited: Awaited, share: MemoryShare) -> asyncio.Task[None]:
        """Handle one message in a task that ends by itself."""
        delivery = asyncio.create_task(self._deliver(inbound, answer, awaited, share))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._delivered)
        return delivery

    def _delivered(self, delivery: asyncio.Task[None]) -> None:
        self._deliveries.discard(delivery)
        self._quiet.set()

    async def _deliver(self, inbound: Inbound, answer: Answer, awaited: Awaited, share: MemoryShare) -> None:
        delivery, told = self._begin(inbound), False
        try:
            try:
                given = await _replies(delivery, inbound, awaited)
            finally:
                share.release()
            told = await answer(given)
        finally:  # also if `stop` cancelled it: the recipients served by then have to be recorded
            await _settle(delivery, inbound, delivered=told)


async def _settle(delivery: Delivery, inbound: Inbound, *, delivered: bool) -> None:
    if not delivered:
        events.of(inbound).warning(events.Event.UNANSWERED)
    try:
        await delivery.settle(delivered=delivered)
    except Exception as error:  # noqa: BLE001  the client has its answer: all that is left is to tell
        events.of(inbound).error(events.Event.FAILED, **events.unforeseen(error))


async def _replies(delivery: Delivery, inbound: Inbound, awaited: Awaited) -> tuple[Reply, ...]:
    """The replies of the delivery; any error in it is a temporary failure."""
    expected = len(inbound.envelope.recipients)
    try:
        given = await delivery.replies(awaited)
        if len(given) == expected:
            return given
        events.of(inbound).error(events.Event.FAILED, replies=len(given), recipients=expected)
    except Exception as error:  # noqa: BLE001  the edge: nothing unforeseen may become a bounce
        events.of(inbound).error(events.Event.FAILED, **events.unforeseen(error))
    return (replies.failed(inbound.id),) * expected
