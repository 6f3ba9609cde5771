"""Keeps the Web Key Directory of the public web service equal to the certificates of our own addresses.

A round compares a summary of the table and the number of what is published, which costs little. Where one of them has
changed, and once an hour, it compares what is published with what should be, and hands over the difference: new and
changed ones, and what is to go. So a public service that lost its database has it again within seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping

from relay.channel.client import Channel
from relay.model.public import ObjectKind, PublicObject
from relay.own.wkd_tree import POLICY, published
from relay.store import OwnKeys
from relay.telemetry import events
from relay.telemetry.events import Event

EVERY = 3600.0
"""Seconds after which it compares whatever the summary says: a removed address stays for a year and no longer."""
AT_A_TIME = 8
_KIND = ObjectKind.CERTIFICATES


class CertificatePublisher:
    """`publish` is a publisher of `relay.daemon.public_link`."""

    def __init__(self, keys: OwnKeys, domains: Iterable[str], clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._policies = {f"{domain}/{POLICY}": b"" for domain in domains}
        self._clock = clock
        self._done: tuple[object, int, float] | None = None
        """The summary of the table that is published, how many objects that are, and when it was."""

    async def publish(self, channel: Channel) -> None:
        """Hand the difference over. Raises `ChannelError` and `StoreError`."""
        summary, now = await self._keys.summary(), self._clock()
        count = await channel.count(_KIND)
        if self._done and self._done[:2] == (summary, count) and 0 <= now - self._done[2] < EVERY:
            return
        wanted = {**published(await self._keys.all(), now), **self._policies}
        await _equalise(channel, wanted)
        self._done = (summary, len(wanted), now)


async def _equalise(channel: Channel, wanted: Mapping[str, bytes]) -> None:
    there = {facts.id: facts.digest async for facts in channel.objects(_KIND)}
    gone = [name for name in there if name not in wanted]
    new = [name for name, octets in wanted.items() if there.get(name) != hashlib.sha256(octets).hexdigest()]
    for name in gone:
        await channel.remove(_KIND, name)
    for begin in range(0, len(new), AT_A_TIME):
        some = new[begin : begin + AT_A_TIME]
        await asyncio.gather(*(channel.put(PublicObject(_KIND, name, wanted[name])) for name in some))
    if gone or new:
        events.log().info(Event.PUBLISHED, changed=len(new), removed=len(gone))
