"""Places at a source, shared fairly among messages: one to hundreds of silent domains delays no other.

Two limits hold: of fetches under way in all, and of those in one scope (a domain, or the whole directory). Free places
go to the messages in turn. With n messages under way none has more than 1/(n + 1) of all places, so that the next
message finds one free. A fetch that several messages wait for stands in the queue of each, and takes a place once. Time
in the queue is bounded by the caller alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Owner = Hashable
"""A message, or whoever else has fetches made."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One fetch: its scope, and who waits for its answer (an owner as often as it waits)."""

    scope: str
    owners: list[Owner] = field(default_factory=list)
    turn: asyncio.Future[Owner] | None = None
    """Done once the fetch has its place; the result is the owner to whom the place is counted."""

    @property
    def begun(self) -> bool:
        """Whether it has, or had, a place."""
        return self.turn is not None and self.turn.done()

    @property
    def queued(self) -> bool:
        """Whether it waits for a place."""
        return self.turn is not None and not self.turn.done()


class FairQueue:
    """Gives each ticket a place, in the order that the module describes."""

    def __init__(self, places: int, places_each: int) -> None:
        """`places_each`: of one scope."""
        self._places = places
        self._places_each = places_each
        self._waiting: OrderedDict[Owner, dict[str, dict[Ticket, None]]] = OrderedDict()
        self._held: Counter[Owner] = Counter()
        self._in_scope: Counter[str] = Counter()

    @asynccontextmanager
    async def place(self, ticket: Ticket) -> AsyncIterator[None]:
        """Wait for a place, and hold it until the context ends."""
        ticket.turn = asyncio.get_running_loop().create_future()
        for owner in set(ticket.owners):
            self._enter(ticket, owner)
        self._grant()
        try:
            await ticket.turn
            yield
        finally:
            self._end(ticket, ticket.turn)

    def join(self, ticket: Ticket, owner: Owner) -> None:
        """Add an owner who waits for the answer too."""
        ticket.owners.append(owner)
        if ticket.queued:
            self._enter(ticket, owner)
            self._grant()

    def leave(self, ticket: Ticket, owner: Owner) -> None:
        """Remove an owner, who no longer waits."""
        ticket.owners.remove(owner)
        if ticket.queued and owner not in ticket.owners:
            self._remove(ticket, owner)

    def _enter(self, ticket: Ticket, owner: Owner) -> None:
        self._waiting.setdefault(owner, {}).setdefault(ticket.scope, {})[ticket] = None

    def _remove(self, ticket: Ticket, owner: Owner) -> None:
        scopes = self._waiting.get(owner, {})
        tickets = scopes.get(ticket.scope, {})
        tickets.pop(ticket, None)
        if not tickets:
            scopes.pop(ticket.scope, None)
        if not scopes:
            self._waiting.pop(owner, None)

    def _grant(self) -> None:
        while self._held.total() < self._places and (chosen := self._next()):
            ticket, owner = chosen
            for each in {*ticket.owners, owner}:
                self._remove(ticket, each)
            if owner in self._waiting:
                self._waiting.move_to_end(owner)
            if ticket.turn and not ticket.turn.done():  # else it was cancelled just now
                self._held[owner] += 1
                self._in_scope[ticket.scope] += 1
                ticket.turn.set_result(owner)

    def _next(self) -> tuple[Ticket, Owner] | None:
        share = max(1, self._places // (len(self._waiting.keys() | self._held.keys()) + 1))
        for owner, scopes in self._waiting.items():
            if self._held[owner] < share:
                for scope, tickets in scopes.items():
                    if self._in_scope[scope] < self._places_each:
                        return next(iter(tickets)), owner
        return None

    def _end(self, ticket: Ticket, turn: asyncio.Future[Owner]) -> None:
        if turn.done() and not turn.cancelled():
            self._held -= Counter({turn.result(): 1})  # leaves out who holds none any more
            self._in_scope -= Counter({ticket.scope: 1})
        else:
            for owner in set(ticket.owners):
                self._remove(ticket, owner)
        self._grant()
