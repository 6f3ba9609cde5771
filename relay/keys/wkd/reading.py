"""Reads answers (`answer`), which strangers wrote: a large one may cost seconds, and stops nobody meanwhile.

A small answer is read here, at once. Others go to the process pool (`relay.process.pool`), one at a time, so that
the relay's own large mails find another process free; a turn is waited for `patience` seconds. Raises `Failed`, with
`EXAMINER` where no turn came or the process broke off.
"""

from __future__ import annotations

import asyncio

from relay.keys.wkd import answer
from relay.keys.wkd.reason import Failed, Reason
from relay.model import Address
from relay.model.errors import EngineError
from relay.process.pool import run_in_pool

ORDINARY = 8 << 10
"""Octets: in tiny packets so many take a few ten milliseconds, a megabyte takes seconds."""


class Reader:
    """One for all domains."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._turn = asyncio.Semaphore(1)

    async def certificates(self, octets: bytes, address: Address) -> list[bytes]:
        """As `answer.certificates`."""
        if len(octets) <= ORDINARY:
            return answer.certificates(octets, address)
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError as error:
            raise Failed(Reason.EXAMINER) from error
        work = asyncio.ensure_future(run_in_pool(len(octets), read_in_pool, octets, address))
        work.add_done_callback(self._ended)
        try:
            return await asyncio.shield(work)  # whoever gives up waiting does not end the work, nor give the turn away
        except EngineError as error:
            raise Failed(Reason.EXAMINER) from error

    def _ended(self, work: asyncio.Future[list[bytes]]) -> None:
        self._turn.release()
        if not work.cancelled():
            work.exception()  # seen, though nobody may be left to hear of it


async def read_in_pool(octets: bytes, address: Address) -> list[bytes]:
    """What the process beside does."""
    return answer.certificates(octets, address)
