"""The relay's side of the console: acts over a unix socket, by a process that works as the keyring's owner.

That process is `web control`, or `web console` if `web.control` is not set and it runs as the keyring's owner.

`POST /acts/NAME` with `{"actor": …, "arguments": {…}}` answers JSON: what the act says, `{"fault": sentence}` (400), or
`{"waits": sentence}` (202) where the act was recorded and waits for a second person.
Only the acts of `relay.admin.acts` exist, for persons of the store who are enabled and whose role is enough (403).
`POST /logins/NAME` with `{"arguments": {…}}` answers a person, `{"name": …, "generation": …, "ended": …}`, or `{}`:
there is none.
The socket's mode decides who may connect. Raises `ListenError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from relay.admin.acts import ACTS, LARGEST_KEYS, Site
from relay.admin.four_eyes import SecondPersonNeeded
from relay.admin.logins import LOGINS
from relay.config import Config
from relay.daemon import systemd
from relay.daemon.signals import Signals, ignore_signals
from relay.daemon.storage import opened_store
from relay.model.console import NAME, Known
from relay.model.errors import RelayError, StoreError
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.web.http.connections import Bounds
from relay.web.http.messages import JSON, Answer, Refusal, Request
from relay.web.http.routes import Routes, route
from relay.web.http.server import Server

LARGEST = LARGEST_KEYS * 4 // 3 + (1 << 16)
"""Octets of a request: keys come in base64."""
GROUP = 0o660
_BOUNDS = Bounds(connections=64, of_one_client=64)


class Acts:
    """Answers the requests of the console on the control socket: acts and log-ins."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.routes = Routes(
            [
                route(re.compile(r"/acts/(?P<name>[a-z]{1,20})"), POST=self._act),
                route(re.compile(r"/logins/(?P<name>[a-z]{1,20})"), POST=self._login),
            ]
        )

    async def _act(self, request: Request) -> Answer:
        name = request.parts["name"]
        if name not in ACTS:
            raise Refusal(HTTPStatus.NOT_FOUND)
        actor, arguments = _read(await request.read(LARGEST))
        known = await self._site.store.persons.one(actor)
        if known is None or not known.person.may(name):
            raise Refusal(HTTPStatus.FORBIDDEN)
        site = replace(self._site, actor=f"console:{known.person.name}")
        return await self._done(ACTS[name].run(site, arguments))

    async def _login(self, request: Request) -> Answer:
        look = LOGINS.get(request.parts["name"])
        if look is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        _, arguments = _read(await request.read(LARGEST))
        return await self._done(_told(look(self._site, arguments)))

    async def _done(self, work: Awaitable[dict[str, Any]]) -> Answer:
        try:
            told = await work
        except StoreError:
            raise
        except SecondPersonNeeded as needed:
            return _json(HTTPStatus.ACCEPTED, {"waits": str(needed)})
        except RelayError as error:
            return _json(HTTPStatus.BAD_REQUEST, {"fault": str(error)})
        return _json(HTTPStatus.OK, told)


@asynccontextmanager
async def answering(config: Config, file: Path) -> AsyncIterator[None]:
    """Answer on the control socket for the time of an `async with`."""
    async with opened_store(config) as store:
        server = Server(Acts(Site(config, store, file)).routes.answer, bounds=_BOUNDS)
        await server.listen(config.control, mode=GROUP)
        try:
            yield
        finally:
            await server.close(config.deadlines.stop)


async def serve(config: Config, file: Path) -> None:
    """Serve until a signal to stop."""
    signals = Signals()
    signals.listen()
    try:
        async with answering(config, file):
            events.log().info(Event.READY, listen=[str(config.control)])
            systemd.ready()
            await signals.stop.wait()
            systemd.stopping()
    finally:
        ignore_signals()
    events.log().info(Event.STOPPED)


async def _told(look: Awaitable[Known | None]) -> dict[str, Any]:
    known = await look
    return {**asdict(known.person), "generation": known.generation, "ended": known.ended} if known else {}


def _read(octets: bytes) -> tuple[str, dict[str, str]]:
    try:
        asked = json.loads(octets)
        actor, arguments = asked.get("actor", ""), asked["arguments"]
        sound = isinstance(actor, str) and (not actor or NAME.fullmatch(actor)) and isinstance(arguments, dict)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refusal(HTTPStatus.BAD_REQUEST) from None
    if not sound or not all(isinstance(value, str) for value in arguments.values()):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return actor, arguments


def _json(status: HTTPStatus, value: dict[str, Any]) -> Answer:
    octets = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")  # user ids hold octets that are no UTF-8
    return Answer(status, octets, JSON)
