"""The process `web public`: opens its database, listens to visitors and to the relay, and ends at SIGTERM.

Raises `ConfigError`, `StoreError` and `ListenError`; what happens to one request ends with it.
"""

from __future__ import annotations

import asyncio
import ssl

from relay.config import Config
from relay.daemon import systemd, tls
from relay.daemon.signals import Signals, ignore_signals
from relay.model.endpoint import HttpPlace
from relay.model.errors import ConfigError, Fault, StoreError
from relay.model.public import LARGEST_OBJECT
from relay.process.memory import freeze_loaded_objects, return_freed_memory
from relay.store.public import PublicStore
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.web.channel.routes import ChannelRoutes
from relay.web.http.connections import Bounds
from relay.web.http.server import Server
from relay.web.public.site import build_site
from relay.web.public.wording import in_words

EVERY = 10.0
"""Seconds between two rounds of cleaning."""
EVERYBODY, GROUP = 0o666, 0o660
"""The modes of the sockets: for the reverse proxy, and for the relay."""
_CHANNEL = Bounds(connections=64, of_one_client=64, memory=4 * LARGEST_OBJECT, memory_of_one=4 * LARGEST_OBJECT)


async def serve(config: Config) -> None:
    """Serve until a signal to stop."""
    place = config.web.public
    if place is None:
        raise ConfigError((Fault("web.public", 0, "is null: name where to listen, such as 127.0.0.1:8080"),))
    return_freed_memory()
    try:
        database = config.web.database(config.keyring)
        async with await PublicStore.open(database, busy_seconds=config.deadlines.store) as store:
            await _serve(config, place, store)
    finally:
        ignore_signals()


async def _serve(config: Config, place: HttpPlace, store: PublicStore) -> None:
    visitors = Server(build_site(store, config).answer, proxies=config.web.proxies, wording=in_words)
    relay = Server(ChannelRoutes(store).answer, bounds=_CHANNEL)
    signals = Signals()
    signals.listen()
    try:
        await relay.listen(config.channel, mode=GROUP, tls=tls.channel(config, ssl.Purpose.CLIENT_AUTH))
        await visitors.listen(place, mode=EVERYBODY)
        freeze_loaded_objects()
        events.log().info(Event.READY, listen=[str(place), str(config.channel)])
        systemd.ready()
        await _until_stopped(store, signals)
        systemd.stopping()
        events.log().info(Event.STOPPING)
    finally:
        await asyncio.gather(visitors.close(config.deadlines.stop), relay.close(config.deadlines.stop))
    events.log().info(Event.STOPPED)


async def _until_stopped(store: PublicStore, signals: Signals) -> None:
    tasks = [asyncio.create_task(_clean(store)), asyncio.create_task(systemd.keep_alive())]
    await signals.stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _clean(store: PublicStore) -> None:
    """Until cancelled: remove what has expired."""
    while True:
        try:
            await store.clean()
        except StoreError as error:
            events.log().error(Event.FAILED, **events.unforeseen(error))
        await asyncio.sleep(EVERY)
