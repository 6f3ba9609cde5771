"""Renews encryption subkeys in time, and deletes old ones.

A wrong clock deletes nothing: a subkey is deleted only if it was past its time at two checks a day apart by a monotonic
clock, and at every check between them. This count restarts with the process. Raises `EngineError` and `StoreError`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from relay.model.own import OwnKey, OwnSubkey
from relay.own.certificates import Lifetimes, renewed
from relay.own.ports import KeyMaker, Register

DAY = 86400.0
HOUR = 3600.0
AT_ONCE = 20
"""New subkeys of one round: the next round makes more."""


class Rotation:
    """One round an hour, by one process of all."""

    def __init__(  # noqa: PLR0913, PLR0917  what it is made of
        self,
        register: Register,
        maker: KeyMaker,
        lifetimes: Lifetimes,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        past: dict[str, float] | None = None,
    ) -> None:
        self._register = register
        self._maker = maker
        self._lifetimes = lifetimes
        self._clock = clock
        self._monotonic = monotonic
        self._past = {} if past is None else past
        """Subkeys that are past their time, and since which count every look has found them so."""
        self._sweep_at = -math.inf

    async def round(self) -> None:
        """Make what is due, delete what is past its time."""
        due = await self._register.due(self._clock() - self._lifetimes.renew)
        if due:
            async for _ in renewed(self._register, self._maker, due[:AT_ONCE], self._lifetimes):
                pass
        await self._delete()

    async def sweep(self) -> None:
        """Once an hour, on every node: no secret part stays whose subkey was deleted elsewhere, or in a crash."""
        if self._monotonic() >= self._sweep_at:
            await self._maker.sweep(await self._register.buried_keygrips())
            self._sweep_at = self._monotonic() + HOUR

    async def _delete(self) -> None:
        now = self._monotonic()
        past = {subkey.fingerprint: subkey for key in await self._register.all() for subkey in self._old(key)}
        buried = await self._register.deleted(past)
        for name in [name for name in self._past if name not in past or name in buried]:
            del self._past[name]
        for name in [name for name in past if name not in buried]:
            since = self._past.setdefault(name, now)
            if now - since >= DAY:
                await self._register.bury([past[name]])  # first: a restore in between must not bring it back
                await self._maker.forget(past[name])

    def _old(self, key: OwnKey) -> Iterator[OwnSubkey]:
        """Those past their time; never the newest, which correspondents may still use."""
        for subkey in key.subkeys[:-1]:
            if subkey.expires + self._lifetimes.keep <= self._clock():
                yield subkey
