"""Work that takes long runs beside the event loop, so that one large message does not stop the others.

Small messages, which are nearly all, are not worth a thread: handing over costs more than the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

LARGE = 128 * 1024
"""Octets from which on it is worth it: reading a header of tiny fields takes 1 ms for each 10 KB."""


async def aside(size: int, work: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
    """What `work` returns or raises; `size` is that of the message it is about."""
    if size < LARGE:
        return work(*given, **named)
    return await asyncio.to_thread(work, *given, **named)


async def breath(at: int) -> None:
    """In a loop over thousands of recipients: now and then, whatever else is ready has its turn."""
    if at % 100 == 99:
        await asyncio.sleep(0)
