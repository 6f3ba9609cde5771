"""What signs for an own address: its certificate, made at once when it first sends.

A mail waits `PATIENCE` for a new certificate, and is then signed by another key or not at all; the certificate is
finished for the next mail. One is made at a time, and few may wait for it. Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from relay.model import Address
from relay.model.errors import RelayError
from relay.model.own import OwnKey
from relay.own.certificates import OwnCertificates
from relay.own.ports import Existing, Register

PATIENCE = 5.0
"""Seconds that a mail waits for a new certificate."""
MOST_WAITING = 50
"""Addresses that wait for their first certificate; more get it from the job beside mail."""


class Senders:
    """Finds the own key that signs for a sender; implements `relay.pipeline.ports.OwnSenders`."""

    def __init__(  # noqa: PLR0913  what it is made of, each by its name
        self,
        *,
        register: Register,
        is_own: Callable[[Address], bool],
        existing: Existing,
        certificates: Callable[[], Awaitable[OwnCertificates]],
        failed: Callable[[RelayError], None],
        signs_here: Callable[[OwnKey], bool] = lambda _key: True,
        patience: float = PATIENCE,
    ) -> None:
        self._register = register
        self._is_own = is_own
        self._existing = existing
        self._certificates = certificates
        self._failed = failed
        self._signs_here = signs_here
        self._patience = patience
        self._making: dict[Address, asyncio.Task[OwnKey | None]] = {}
        self._turn = asyncio.Lock()

    async def key(self, address: Address) -> OwnKey | None:
        """The certificate that may sign for this address; None: there is none, or not yet on this node."""
        if not self._is_own(address):
            return None
        known = await self._register.get(address)
        if known is not None:
            return known if known.signs and self._signs_here(known) else None
        return await self._first(address) if await self._existing.knows(address) else None

    async def _first(self, address: Address) -> OwnKey | None:
        task = self._making.get(address)
        if task is None:
            if len(self._making) >= MOST_WAITING:
                return None
            task = self._making[address] = asyncio.create_task(self._make(address))
            task.add_done_callback(lambda _: self._making.pop(address))
        done, _ = await asyncio.wait({task}, timeout=self._patience)
        return task.result() if done and not task.cancelled() else None

    async def _make(self, address: Address) -> OwnKey | None:
        try:
            async with self._turn:
                (key,) = await (await self._certificates()).add([address])
        except RelayError as error:
            self._failed(error)
            return None
        return key if key.signs else None
