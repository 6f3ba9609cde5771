"""Mails that are sent one after the other and timed, quiet and disturbed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from lab.canary import sent
from lab.client import Client
from lab.processes import Busy, Family

SENDER = "a@here.example"
UNDISTURBED = 1.5
ROUNDS, LOOKS, MAILS = 5, 6, 120
MAY_BE_BUSY = 0.1
"""Processors' worth of what is not ours beside a measurement that counts."""

_numbers = count()


def mail(to: str) -> bytes:
    """No two are the same: the relay takes the very same mail once at a time."""
    head = f"From: <{SENDER}>\r\nTo: <{to}>\r\nMessage-ID: <{next(_numbers)}@here.example>\r\nSubject: canary\r\n"
    return f"{head}\r\nthe clear body\r\n".encode()


async def send(url: str, address: str) -> str:
    """The relay's answer for this recipient, on a connection of its own."""
    async with Client(url) as client:
        await client.hello()
        (reply,) = await client.send(SENDER, [address], mail(address))
    return reply


async def times(url: str, address: str, count: int) -> list[float]:
    """Of so many mails on one connection; each has to be taken."""
    taken = []
    async with Client(url) as client:
        await client.hello()
        for _ in range(count):
            begun = time.perf_counter()
            (reply,) = await client.send(SENDER, [address], mail(address))
            taken.append(time.perf_counter() - begun)
            assert reply.startswith("250"), reply
    return taken


def quickest(call: Callable[[], object]) -> float:
    """Seconds of this process's time that the quickest of three calls took: what else the machine does slows some."""
    taken = []
    for _ in range(3):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return min(taken)


def p99(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)]


Disturbance = Callable[[], AbstractAsyncContextManager[None]]


async def p99_beside(  # noqa: PLR0913  what is measured, beside what, how often
    url: str,
    address: str,
    disturbance: Disturbance,
    ours: Family,
    *,
    rounds: int = ROUNDS,
    mails: int = MAILS,
    enough: Callable[[], bool] = lambda: True,
) -> float:
    """How many times its quiet value the p99 of mails to this address is; under `UNDISTURBED` they go on as before.

    Taken in turns, so that what else this machine does falls on both, by a process of its own. All that were taken so
    far count in each look; more are taken while too few tell, and until the disturbance was `enough`. A pair beside
    which processes that are not `ours` were busy is taken again, so many times in all as there are rounds in a look.
    """
    sent(mail(address))  # by another process, and to be heard nowhere
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        measure = partial(asyncio.get_running_loop().run_in_executor, apart, _times, url, address, mails)
        await measure()
        pairs = _Pairs(measure, disturbance, ours, again=rounds)
        for _ in range(LOOKS):
            for _ in range(rounds):
                await pairs.take()
            quiet, beside = p99(pairs.quiet), p99(pairs.beside)
            print(f"p99 {quiet * 1000:.1f} ms, disturbed {beside * 1000:.1f} ms: {beside / quiet:.2f} times")
            if beside / quiet < UNDISTURBED and enough():
                break
    return beside / quiet


class _Pairs:
    """What was measured quiet and disturbed, and nothing else disturbed."""

    def __init__(
        self, measure: Callable[[], Awaitable[list[float]]], disturbance: Disturbance, ours: Family, again: int
    ) -> None:
        self.quiet: list[float] = []
        self.beside: list[float] = []
        self._measure = measure
        self._disturbance = disturbance
        self._ours = ours
        self._again = again

    async def take(self) -> None:
        """One of each; again if others were busy meanwhile and it may be had again."""
        while True:
            quiet, others = await self._measured()
            async with self._disturbance():
                beside, others_too = await self._measured()
            most = max(others, others_too)
            again = most > MAY_BE_BUSY and self._again > 0
            print(f"others {others:.2f} and {others_too:.2f} of a processor" + ", taken again" * again)
            if not again:
                self.quiet += quiet
                self.beside += beside
                return
            self._again -= 1

    async def _measured(self) -> tuple[list[float], float]:
        busy = Busy(self._ours)
        return await self._measure(), busy.others()


def _times(url: str, address: str, count: int) -> list[float]:
    return asyncio.run(times(url, address, count))


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it was, before that time was over."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def most_resident(pid: int) -> int:
    """The most memory that this process has ever held, in octets."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10
