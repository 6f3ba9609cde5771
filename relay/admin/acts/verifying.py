"""Verifies the whole audit trail in the background: for a trail of years this takes longer than a page may wait.

Raises `StoreError`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from relay.admin import trace
from relay.store import Store, Verdict

PATIENCE = 5.0
"""Seconds that one request waits for the result."""


@dataclass(slots=True)
class Verifying:
    """Runs one verification at a time, shared by all who ask meanwhile."""

    _task: asyncio.Task[Verdict] | None = field(default=None)

    async def verdict(self, store: Store, patience: float = PATIENCE) -> Verdict | None:
        """The result of the verification; None while it is running: ask again later."""
        task = self._task = self._task or asyncio.create_task(trace.verify(store))
        await asyncio.wait([task], timeout=patience)
        if not task.done():
            return None
        if self._task is task:
            self._task = None
        return task.result()
