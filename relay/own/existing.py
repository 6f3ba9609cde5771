"""Which own addresses exist: a file, read again when it changes, or a directory, asked at intervals.

If it cannot be read, the last list stays in use for mail; `addresses` raises `OwnError`, so that the error is reported.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path

from relay.model import Address
from relay.model.errors import AddressError, OwnError
from relay.own import addresses as files

EVERY = 900.0
AGAIN = 60.0
"""Seconds to the next look, after one that succeeded, and after one that failed."""
PATIENCE = 3.0
"""Seconds that a mail waits for the first list."""


class ListedInFile:
    """`ports.Existing` of `own.addresses: FILE`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._state: object = None
        self._known: dict[Address, None] = {}

    async def addresses(self) -> Sequence[Address]:
        """All of them, as the file has them now."""
        state = _state(self._file)
        if state is None or state != self._state:
            self._known = dict.fromkeys(await asyncio.to_thread(files.read, self._file))
            self._state = state
        return list(self._known)

    async def knows(self, address: Address) -> bool:
        """Whether it is among them."""
        try:
            await self.addresses()
        except OwnError:
            return address in self._known  # the job beside mail reports it
        return address in self._known


class ListedElsewhere:
    """`ports.Existing` of a list that takes long to get."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Iterable[str]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: dict[Address, None] = {}
        self._fresh_until = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def addresses(self) -> Sequence[Address]:
        """All existing addresses, as read at most `EVERY` seconds ago."""
        if self._clock() >= self._fresh_until:
            await asyncio.shield(self._refresh())
        return list(self._known)

    async def knows(self, address: Address) -> bool:
        """Whether it is among them; waits a moment for the first list."""
        if self._clock() >= self._fresh_until:
            refresh = self._refresh()
            if not self._known:
                await asyncio.wait({refresh}, timeout=PATIENCE)
        return address in self._known

    def _refresh(self) -> asyncio.Task[None]:
        """One for all who want it."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._get())
            self._fetching.add_done_callback(_seen)
        return self._fetching

    async def _get(self) -> None:
        self._fresh_until = self._clock() + AGAIN  # a failure is not repeated at once
        self._known = dict.fromkeys(_readable(await self._fetch()))
        self._fresh_until = self._clock() + EVERY


def _readable(texts: Iterable[str]) -> Iterator[Address]:
    """The addresses among these texts; others are skipped."""
    for text in texts:
        try:
            address = Address(text)
        except AddressError:
            continue
        if address.domain:
            yield address


def _seen(task: asyncio.Task[None]) -> None:
    """Its failure is told to whoever asks for the addresses; asyncio need not log it where nobody does."""
    if not task.cancelled():
        task.exception()


class OnlyAdded:
    """`ports.Existing` where an administrator adds each address by hand."""

    async def addresses(self) -> Sequence[Address]:
        """None that has no certificate yet."""
        return ()

    async def knows(self, address: Address) -> bool:  # noqa: ARG002  as the port has it
        """Always False: an address that has no certificate does not exist."""
        return False


def _state(file: Path) -> object:
    """Inode, size and times of the file, which change with its content."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size
