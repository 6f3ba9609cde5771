"""Pick-ups, as administrators manage them: listed, withdrawn, extended; codes given beforehand.

Raises `PickupError` with a sentence, `ChannelError`, `StoreError` and `EngineError`.
"""

from __future__ import annotations

import math
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from relay.channel.client import Channel
from relay.config import Config
from relay.daemon import tls
from relay.daemon.outlets import build_outlet, hostname
from relay.daemon.pickups import build_letters, build_presets
from relay.daemon.storage import opened_store
from relay.model import Address, Envelope, Recipient, Reply, codes
from relay.model.errors import NextHopError, PickupError
from relay.model.key_change import KeyChange
from relay.model.pickup import Handover, Pickup, PickupState
from relay.model.public import ObjectKind
from relay.store import Store

SHORTEST = 6
"""Characters that name one by the beginning of its id."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A code that was made before the mail that it will encrypt."""

    recipient: Address
    code: str
    expires: float
    """Seconds since the epoch."""


async def look(config: Config) -> str:
    """How many wait, for `check`. Raises `PickupError` where no mail can become one."""
    keys = config.pickup
    if keys.code is Handover.SENDER and not config.own.domains:
        raise PickupError("pickup.code: sender needs own.domains: otherwise no sender can pass on a code")
    if keys.hook and not os.access(keys.hook, os.X_OK):
        raise PickupError(f"pickup.hook: {keys.hook} cannot be run: chmod +x it")
    async with opened_store(config) as store:
        return f"{await store.pickups.unread(time.time())} not read yet"


async def listed(store: Store, *, ended: bool = False) -> list[Pickup]:
    """The pick-ups that can be opened now, the newest first; `ended`: also those that have ended."""
    now = time.time()
    return [one for one in await _all(store, now) if ended or _is_open(one, now)]


async def found(store: Store, name: str) -> Pickup:
    """The pick-up with this id, or whose id begins with `name`."""
    if len(name) >= SHORTEST:
        several = [one for one in await _all(store, time.time()) if one.id.startswith(name)]
        if len(several) == 1:
            return several[0]
    raise PickupError(f"no pick-up is named {name}: pickup list shows their ids")


async def withdraw(config: Config, store: Store, name: str, actor: str) -> Pickup:
    """Delete a pick-up, so that nobody can open it. The trace names `actor`."""
    one = await found(store, name)
    await _note(store, one, actor, "withdrawn")
    async with _channel(config) as channel:
        await channel.remove(ObjectKind.PICKUP, one.id)
    if one.state is not PickupState.ACTIVE:
        return one
    await store.pickups.change(one.id, state=PickupState.WITHDRAWN.value)
    return replace(one, state=PickupState.WITHDRAWN)


async def resend(config: Config, store: Store, name: str, actor: str) -> Pickup:
    """Mail the link to its recipient again, without the code. Raises `NextHopError` too."""
    one = await found(store, name)
    if not _is_open(one, time.time()):
        raise PickupError("it has ended: its recipient cannot open it any more")
    letter = build_letters(config, hostname(config)).announced(one, datetime.now(UTC))
    await _note(store, one, actor, "announced again")
    reply = await _sent(config, one, letter)
    if not reply.accepted:
        raise NextHopError(f"the next hop does not take the mail to its recipient: {reply.code}")
    return one


async def _sent(config: Config, one: Pickup, letter: bytes) -> Reply:
    """The next hop's reply to a mail to the recipient."""
    options = () if one.recipient.is_ascii else ("SMTPUTF8", "BODY=8BITMIME")
    outlet = build_outlet(config, config.reinject)
    try:
        (reply,) = await outlet.send(Envelope(one.sender, (Recipient(one.recipient),), options), letter)
    finally:
        await outlet.close()
    return reply


async def extend(config: Config, store: Store, name: str, seconds: float, actor: str) -> Pickup:
    """Let it be opened for so many seconds from now; returns it with its new end. The trace names `actor`."""
    one = await found(store, name)
    expires = time.time() + seconds
    await _note(store, one, actor, "extended")
    async with _channel(config) as channel:
        there = _is_open(one, time.time()) and await channel.expire(ObjectKind.PICKUP, one.id, math.ceil(expires))
    if not there:
        raise PickupError("it has ended and is deleted: the mail has to be sent again")
    await store.pickups.change(one.id, expires=expires, warned=False)
    return replace(one, expires=expires)


async def _note(store: Store, one: Pickup, actor: str, what: str) -> None:
    """Write to the trace who asks for it, before it is done: it cannot be undone."""
    await _record(store, actor, one.recipient, f"pick-up {one.id[:SHORTEST]} to be {what}")


async def _record(store: Store, actor: str, recipient: Address, what: str) -> None:
    await store.trace.write([KeyChange(time.time(), actor, recipient.text, "", "", what).record()])


async def preset(config: Config, store: Store, recipient: Address, seconds: float, actor: str) -> Preset:
    """Make a code for the next mail to this recipient, valid for so many seconds; it replaces an earlier one.

    The trace names `actor`, who can open that mail from now on.
    """
    if config.pickup.url is None:
        raise PickupError("pickup.url is null: no mail becomes a pick-up, and a code would open none")
    await _record(store, actor, recipient, "code made to be given beforehand")
    made = Preset(recipient, codes.new(config.notices.language), time.time() + seconds)
    closed = await build_presets(config, store).vault.close(made.code)
    await store.pickups.set_preset(recipient, closed, made.expires)
    return made


async def _all(store: Store, now: float) -> list[Pickup]:
    """Each as it is now: the relay notes an end only some time after it (`daemon.jobs.pickup_ends`)."""
    several = await store.pickups.all()
    return [one if one.expires > now else replace(one, state=_at_the_end(one.state)) for one in several]


def _at_the_end(state: PickupState) -> PickupState:
    return PickupState.EXPIRED if state is PickupState.ACTIVE else state


def _is_open(one: Pickup, now: float) -> bool:
    return one.state is PickupState.ACTIVE and one.expires > now


@asynccontextmanager
async def _channel(config: Config) -> AsyncIterator[Channel]:
    if not config.web.linked:
        raise PickupError("there is no public web service: web.public says where it listens")
    channel = Channel(config.channel, tls.channel(config, ssl.Purpose.SERVER_AUTH))
    try:
        yield channel
    finally:
        await channel.close()
