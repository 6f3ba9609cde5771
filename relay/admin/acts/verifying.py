"""A look at the whole audit trail goes on while people wait: a trail of years takes longer than a page may.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from relay.admin import trace
from relay.store import Store, Verdict

PATIENCE = 5.0
"""Seconds that one request waits."""


@dataclass(slots=True)
class Verifying:
    """One look at a time, for all who ask meanwhile."""

    _task: asyncio.Task[Verdict] | None = field(default=None)

    async def verdict(self, store: Store, patience: float = PATIENCE) -> Verdict | None:
        """What it found; None: it goes on, ask again."""
        task = self._task = self._task or asyncio.create_task(trace.verify(store))
        await asyncio.wait([task], timeout=patience)
        if not task.done():
            return None
        if self._task is task:
            self._task = None
        return task.result()
