"""The components of one configuration, and the mails that began with them: a mail keeps what it began with.

After a reload the old components are closed once the last of their mails is settled.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.daemon.build import Components
from relay.model import Inbound, Reply, replies
from relay.smtp.server_context import Awaited, Delivery


class Generation:
    """`begin` mails; `retire` when another configuration counts."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.in_progress = 0
        """Mails received and not settled yet."""
        self._retired = False

    def begin(self, inbound: Inbound) -> Delivery:
        """Take an outgoing mail."""
        self.in_progress += 1
        return _Delivery(self, self.components.pipeline.begin(inbound))

    def begin_incoming(self, inbound: Inbound) -> Delivery:
        """Take an incoming mail; if a reload removed `inbound`, the mail waits until the restart."""
        self.in_progress += 1
        incoming = self.components.incoming
        return _Delivery(self, incoming.pipeline.begin(inbound) if incoming else _Waiting(inbound))

    async def retire(self) -> None:
        """Take no more mails; the components are closed once the last one is settled."""
        self._retired = True
        await self._close_if_done()

    async def settled(self) -> None:
        """Note that one mail is settled."""
        self.in_progress -= 1
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self._retired and not self.in_progress:
            await self.components.close()


@dataclass(frozen=True, slots=True)
class _Delivery:
    """`smtp`'s `Delivery`, counted."""

    generation: Generation
    delivery: Delivery

    async def replies(self, awaited: Awaited) -> tuple[Reply, ...]:
        return await self.delivery.replies(awaited)

    async def settle(self, *, delivered: bool) -> None:
        try:
            await self.delivery.settle(delivered=delivered)
        finally:
            await self.generation.settled()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """`smtp`'s `Delivery` of a mail that cannot be taken now: the client keeps it."""

    inbound: Inbound

    async def replies(self, _: Awaited) -> tuple[Reply, ...]:
        return (replies.failed(self.inbound.id),) * len(self.inbound.envelope.recipients)

    async def settle(self, *, delivered: bool) -> None:
        """Nothing was begun."""
