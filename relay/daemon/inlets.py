"""The inlets of one process: one for outgoing and one for incoming mail."""

from __future__ import annotations

import asyncio

from relay.smtp.inlet import Inlet


class Inlets:
    """The inlets for outgoing and incoming mail: they stop together, and share the memory for large mails."""

    def __init__(self, outgoing: Inlet, incoming: Inlet) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        incoming.room = outgoing.room

    def of(self, *, incoming: bool) -> Inlet:
        """The inlet that takes incoming mail, or the one for outgoing mail."""
        return self._incoming if incoming else self._outgoing

    def listen_no_more(self) -> None:
        """Refuse new connections from now on."""
        self._outgoing.listen_no_more()
        self._incoming.listen_no_more()

    async def stop(self, grace: float) -> None:
        """Stop both inlets; mails in progress have `grace` seconds to finish."""
        await asyncio.gather(self._outgoing.stop(grace), self._incoming.stop(grace))
