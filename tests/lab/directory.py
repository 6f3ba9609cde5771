"""A directory that people's keys stand in, and which turns evil in each of the ways that `KINDS` names.

A real slapd, and the front before it (`lab.badldap`) that a relay is told. `disturbing()` is one for a separate process
(`lab.separate_process`), with mails to people in it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from lab.badldap import EVIL, Front, Handler
from lab.slapd import PEOPLE, Slapd
from lab.timed import send, set_within
from lab.waiting import until

TIMEOUT = 3.0
EVERY = 0.6
"""Seconds between three mails to people in the evil directory and the next three."""
AGAIN = 0.1
"""Seconds between two times that it breaks off, at the end: who was told so may ask once more."""


@dataclass
class Directory:
    slapd: Slapd
    front: Front

    @property
    def settings(self) -> dict[str, str]:
        """One server of `lookup.ldap`."""
        return {
            "url": f"ldap://127.0.0.1:{self.front.port}",
            "base": PEOPLE,
            "filter": "(mail={address})",
            "attribute": "siteKey",
            "timeout": f"{TIMEOUT:g}s",
        }

    def good_again(self) -> None:
        self.front.behave(None, self.slapd.port)


@contextmanager
def directory() -> Iterator[Directory]:
    """With nobody in it."""
    with Slapd() as slapd:
        slapd.add_root()
        with Front(slapd.port) as front:
            yield Directory(slapd, front)


@contextmanager
def behaving(handler: Handler, there: Directory) -> Iterator[None]:
    there.front.behave(handler)
    yield


@contextmanager
def frozen(there: Directory) -> Iterator[None]:
    there.front.behave(None)
    there.slapd.freeze()
    try:
        yield
    finally:
        there.slapd.thaw()


@contextmanager
def referring(there: Directory, elsewhere: str = "ldap://elsewhere.invalid") -> Iterator[None]:
    with Slapd(settings=f"referral {elsewhere}", suffix="dc=other,dc=org") as other:
        other.add_root()
        there.front.behave(None, other.port)
        yield


KINDS: dict[str, Callable[[Directory], AbstractContextManager[None]]] = {
    **{name: partial(behaving, handler) for name, handler in EVIL.items()},
    "frozen": frozen,
    "refers elsewhere": referring,
}


class Disturbing:
    """Mails to people in it, while it is evil in one way."""

    def __init__(self, there: Directory, evil: ExitStack) -> None:
        self._there = there
        self._evil = evil

    @property
    def settings(self) -> dict[str, str]:
        return self._there.settings

    async def begin(self, url: str, name: str) -> None:
        """Send to the relay there from now on; the directory has been met by then: the outage before is forgotten."""
        self._evil.enter_context(KINDS[name](self._there))
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._disturb(url, name.replace(" ", "-")))
        await until(lambda: self._there.front.met)

    async def end(self) -> Counter[str]:
        """Send no more. The replies' beginnings; who waits for the directory still is told now that it is away."""
        self._stop.set()
        while not self._task.done():
            await self._there.front.cut()
            await asyncio.wait({self._task}, timeout=AGAIN)
        replies = await self._task
        self._evil.close()
        self._there.good_again()
        return replies

    async def _disturb(self, url: str, name: str) -> Counter[str]:
        replies = Counter[str]()
        while not self._stop.is_set():
            asked = [send(url, f"{name}{number}@ville.example") for number in range(3)]
            replies.update(reply[:9] for reply in await asyncio.gather(*asked))
            await set_within(self._stop, EVERY)
        return replies


@contextmanager
def disturbing() -> Iterator[Disturbing]:
    with directory() as there, ExitStack() as evil:
        yield Disturbing(there, evil)
