"""Outages of a whole scope (a domain, a directory): the first lookup that meets one ends all others that wait there.

So a thousand lookups at a domain that is down cost one timeout, and not five hundred.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from relay.model import Lookup


@dataclass(slots=True)
class _Place:
    met: asyncio.Future[Lookup]
    asking: int = 0


class SharedOutage:
    """The scopes that are being asked, and the outage of each that has one."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    async def shared(
        self, name: str, asking: Coroutine[Any, Any, Lookup], concerns_all: Callable[[Lookup], bool]
    ) -> Lookup:
        """The answer, or the outage of the scope of this name that another lookup met meanwhile."""
        place = self._places.get(name)
        if place is None or place.met.done():
            place = self._places[name] = _Place(asyncio.get_running_loop().create_future())
        place.asking += 1
        task = asyncio.ensure_future(asking)
        try:
            await asyncio.wait({task, place.met}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                return place.met.result()
            lookup = task.result()
            if concerns_all(lookup) and not place.met.done():
                place.met.set_result(lookup)
            return lookup
        finally:
            await _ended(task)
            self._leave(name, place)

    def _leave(self, name: str, place: _Place) -> None:
        place.asking -= 1
        if not place.asking and self._places.get(name) is place:
            del self._places[name]


async def _ended(task: asyncio.Task[Lookup]) -> None:
    task.cancel()
    await asyncio.wait({task})
