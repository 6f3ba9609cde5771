"""Runs the regular jobs (`relay.daemon.jobs`) in turn, again and again.

A round that fails is logged and repeated later; it never affects a mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from relay.telemetry import events
from relay.telemetry.events import Event


@dataclass(frozen=True, slots=True)
class Schedule:
    """The jobs, and the seconds between two rounds."""

    jobs: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    interval: float


async def run_jobs(current: Callable[[], Schedule]) -> None:
    """Until cancelled; `current` is asked before each round, for a reload may have changed the schedule."""
    while True:
        schedule = current()
        for work in schedule.jobs:
            await _round(work())
        await asyncio.sleep(schedule.interval)


async def _round(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()):
        events.log().error(Event.FAILED, **events.unforeseen(error))
