"""The process `web console`: opens its own database, listens, and ends at SIGTERM.

It reads neither the relay's store nor its keyring: what a page shows, the relay's side says (`relay.web.control`).
Raises `ConfigError`, `StoreError` and `ListenError`.
"""

from __future__ import annotations

from relay.config import Config
from relay.daemon import systemd
from relay.daemon.signals import Signals, ignore_signals
from relay.model.errors import ConfigError, Fault
from relay.store.console import ConsoleStore
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.web.console.relay_link import RelayLink
from relay.web.console.site import build_site
from relay.web.http.server import Server

EVERYBODY = 0o666


async def serve(config: Config) -> None:
    """Serve until a signal to stop."""
    place = config.web.console
    if place is None:
        raise ConfigError((Fault("web.console", 0, "is null: name where to listen, such as 127.0.0.1:8081"),))
    signals = Signals()
    signals.listen()
    link = RelayLink(config.control)
    try:
        place_of_store = config.web.console_store(config.keyring)
        async with await ConsoleStore.open(place_of_store, idle=config.console.idle) as store:
            server = Server(build_site(store, link).answer, proxies=config.web.proxies)
            await server.listen(place, mode=EVERYBODY)
            events.log().info(Event.READY, listen=[str(place)])
            systemd.ready()
            await signals.stop.wait()
            systemd.stopping()
            await server.close(config.deadlines.stop)
    finally:
        await link.close()
        ignore_signals()
    events.log().info(Event.STOPPED)
