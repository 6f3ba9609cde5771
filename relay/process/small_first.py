"""Large mails give way to small ones on the event loop of this process.

A small mail takes some twenty turns of the loop. Where a large one has a piece of its content read or sent in each of
them, all turns become longer: so the pieces of large mails wait while a small mail is in hand, for `PATIENCE` a piece
at most, so that a large mail goes on at some megabytes a second however many small ones come. What is not read stays
with the client: TCP slows it down. Raises nothing.
"""

from __future__ import annotations

import asyncio
from typing import Self

LARGE = 128 * 1024
"""Octets from which on a mail is large."""
PATIENCE = 0.005
"""Seconds that one piece of a large mail waits at most."""


class MailInHand:
    """A mail from its first octet to its answer, as a context manager: small until `is_of` knows better."""

    def __init__(self) -> None:
        self._small = False

    def __enter__(self) -> Self:
        self._small = True
        _in_hand.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_not_small()

    def is_of(self, octets: int) -> None:
        """It has so many, or will have."""
        if octets >= LARGE:
            self._is_not_small()

    async def give_way(self) -> None:
        """Before the next piece is read: where it is large, the others have their turn."""
        if not self._small:
            await give_way()

    def _is_not_small(self) -> None:
        if self._small:
            self._small = False
            _in_hand.end()


async def give_way() -> None:
    """Before the next piece of a large mail: others have their turn, small mails until they are answered."""
    await asyncio.sleep(0)
    await _in_hand.none()


class _SmallMails:
    """How many are in hand, and who waits until there are none."""

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
