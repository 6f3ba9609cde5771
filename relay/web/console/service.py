"""The process `web console`: opens its own database, listens, and ends at SIGTERM.

SIGHUP: the certificate and key of `console.tls` are read again; wrong ones change nothing.

It reads neither the relay's store nor its keyring: it gets what a page shows from the relay's side
(`relay.web.control`). That is another process, or the context manager that `serve` is given.
Raises `ConfigError`, `StoreError` and `ListenError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from relay.config import Config
from relay.config.console import LdapLogin
from relay.daemon import systemd, tls
from relay.daemon.signals import Signals, ignore_signals
from relay.keys.ldap.server import Server as Directory
from relay.model.endpoint import HttpPlace
from relay.model.errors import ConfigError, Fault
from relay.store.console import ConsoleStore
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.web.console.certificate import RenewableTls
from relay.web.console.elsewhere import Elsewhere
from relay.web.console.enrolment import Enrolment
from relay.web.console.login import Login
from relay.web.console.oidc import Oidc
from relay.web.console.passkeys import Passkeys
from relay.web.console.provider import Provider
from relay.web.console.relay_link import RelayLink
from relay.web.console.sessions import Sessions
from relay.web.console.site import build_site
from relay.web.console.view import Ways
from relay.web.http.messages import Handler
from relay.web.http.server import Server

EVERYBODY = 0o666
BACK = "/login/oidc/back"
"""Where a provider sends people back to, below `console.url`."""


async def serve(config: Config, relay_side: AbstractAsyncContextManager[None]) -> None:
    """Serve until a signal to stop; `relay_side` is entered for that time."""
    place = config.web.console
    if place is None:
        raise ConfigError((Fault("web.console", 0, "is null: name where to listen, such as 127.0.0.1:8081"),))
    signals = Signals()
    signals.listen()
    try:
        async with relay_side, AsyncExitStack() as opened:
            await _serve(config, place, signals, opened)
    finally:
        ignore_signals()
    events.log().info(Event.STOPPED)


async def _serve(config: Config, place: HttpPlace, signals: Signals, opened: AsyncExitStack) -> None:
    secured = RenewableTls(partial(tls.console, config)) if config.console.tls else None
    server = Server(await _site(config, opened), proxies=config.console.trusted_proxies)
    await server.listen(place, mode=EVERYBODY, tls=secured.context if secured else None)
    if secured:
        opened.enter_context(_cancelled(signals.reload_with(partial(_renew, secured))))
    events.log().info(Event.READY, listen=[str(place)])
    systemd.ready()
    await signals.stop.wait()
    systemd.stopping()
    await server.close(config.deadlines.stop)


@contextmanager
def _cancelled(work: Coroutine[Any, Any, None]) -> Iterator[None]:
    """Run `work` while the block runs; cancel it at the end."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


async def _renew(secured: RenewableTls) -> None:
    try:
        secured.renew()
    except ConfigError as error:
        events.log().error(Event.NOT_RELOADED, faults=[str(fault) for fault in error.faults])
    else:
        events.log().info(Event.RELOADED)


async def _site(config: Config, opened: AsyncExitStack) -> Handler:
    ways = config.console.login
    link = RelayLink(config.control)
    opened.push_async_callback(link.close)
    store = await opened.enter_async_context(
        await ConsoleStore.open(config.web.console_store(config.keyring), idle=config.console.idle)
    )
    sessions = Sessions(store, link)
    directory = _directory(ways.ldap) if ways.ldap else None
    elsewhere = Elsewhere(sessions, ways, _oidc(config, opened), directory)
    passkeys = Passkeys(config.console.url) if ways.local and config.console.url else None
    shown = Ways(ways.local, ways.oidc is not None, ways.ldap is not None, passkeys is not None)
    login = Login(store, sessions, elsewhere, passkeys)
    return build_site(link, login, Enrolment(sessions, passkeys, ways.local), shown)


def _oidc(config: Config, opened: AsyncExitStack) -> Oidc | None:
    keys = config.console.login.oidc
    if keys is None:
        return None
    secret = _first_line("console.login.oidc.client_secret_file", keys.client_secret_file)
    provider = Provider(keys.ca_file)
    opened.push_async_callback(provider.close)
    return Oidc(keys, secret, f"{config.console.url}{BACK}", provider)


def _directory(keys: LdapLogin) -> Directory:
    if find_spec("bonsai") is None:
        raise ConfigError((Fault("console.login.ldap", 0, "needs the extra ldap: pip install 'pgp-relay[ldap]'"),))
    file = keys.password_file
    return Directory(
        url=keys.url,
        starttls=keys.starttls,
        ca_file=str(keys.ca_file) if keys.ca_file else None,
        bind_dn=keys.bind_dn,
        password=_first_line("console.login.ldap.password_file", file) if file else None,
        timeout=keys.timeout,
    )


def _first_line(key: str, file: Path) -> str:
    try:
        line = file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, ValueError):
        raise ConfigError((Fault(key, 0, f"{file} cannot be read by the console's user"),)) from None
    if not line:
        raise ConfigError((Fault(key, 0, f"{file} is empty"),))
    return line
