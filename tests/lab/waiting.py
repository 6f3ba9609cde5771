"""Waiting for what can only be looked at: a file that grows, a queue that empties."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """The first answer of `look` that is true; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
    return found


async def until(look: Callable[[], object], seconds: float = 60) -> None:
    """As `wait_for`, while the test's own servers go on."""
    async with asyncio.timeout(seconds):
        while not look():  # noqa: ASYNC110  what is looked at tells nobody
            await asyncio.sleep(0.01)
