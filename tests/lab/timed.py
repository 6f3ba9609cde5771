"""Mails that are sent one after the other and timed, quiet and disturbed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from lab.client import Client

SENDER = "a@here.example"
UNDISTURBED = 1.5
ROUNDS, LOOKS = 5, 4

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


def p99(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)]


Disturbance = Callable[[], AbstractAsyncContextManager[None]]


async def p99_beside(
    url: str,
    address: str,
    disturbance: Disturbance,
    rounds: int = ROUNDS,
    enough: Callable[[], bool] = lambda: True,
) -> float:
    """How many times its quiet value the p99 of mails to this address is; under `UNDISTURBED` they go on as before.

    Taken in turns, so that what else this machine does falls on both, by a process of its own, so that what evil
    servers do in this one does not. All that were taken so far count in each look; more are taken while too few tell,
    and until the disturbance was `enough`.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        measure = partial(asyncio.get_running_loop().run_in_executor, apart, _times, url, address, 60)
        await measure()
        ratios: list[float] = []
        quiet: list[float] = []
        beside: list[float] = []
        for _ in range(LOOKS):
            for _ in range(rounds):
                quiet += await measure()
                async with disturbance():
                    beside += await measure()
            ratios.append(p99(beside) / p99(quiet))
            print(f"p99 {p99(quiet) * 1000:.1f} ms, disturbed {p99(beside) * 1000:.1f} ms: {ratios[-1]:.2f} times")
            if min(ratios) < UNDISTURBED and enough():
                break
    return min(ratios)


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
