"""Large mails give way to small ones on the event loop of this process.

A small mail takes dozens of turns of the loop. Each turn takes longer if a piece of a large mail is read or sent in it.
So the pieces of large mails wait while a small mail is in hand. A piece waits for `PATIENCE` at most, so large mails go
on however many small ones come. What is not read stays with the client: TCP slows it down. Raises nothing.
"""

from __future__ import annotations

import asyncio
from typing import Self

LARGE = 128 * 1024
"""Octets from which on a mail is large."""
PATIENCE = 0.005
"""Seconds that one piece of a large mail waits at most."""


class MailInHand:
    """A mail from its first octet to its answer, as a context manager; small until `is_of` says otherwise."""

    def __init__(self) -> None:
        self._small = False

    def __enter__(self) -> Self:
        self._small = True
        _in_hand.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_not_small()

    def is_of(self, octets: int) -> None:
        """Say how large the mail is, or will be."""
        if octets >= LARGE:
            self._is_not_small()

    async def give_way(self) -> None:
        """Return when the next piece may be read: at once for a small mail."""
        if not self._small:
            await give_way()

    def _is_not_small(self) -> None:
        if self._small:
            self._small = False
            _in_hand.end()


async def give_way() -> None:
    """Wait until no small mail is in hand, for one turn at least and `PATIENCE` at most."""
    await asyncio.sleep(0)
    await _in_hand.none()


class _SmallMails:
    """How many small mails are in hand, and what waits until there are none."""

    def __init__(self) -> None:
        self._count = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def begin(self) -> None:
        self._count += 1

    def end(self) -> None:
        self._count -= 1
        if not self._count:
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)

    async def none(self) -> None:
        if not self._count:
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=PATIENCE)
        finally:
            self._waiting.discard(future)


_in_hand = _SmallMails()
