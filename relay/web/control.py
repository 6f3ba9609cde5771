"""The relay's side of the console: acts over a unix socket, by a process that works as the keyring's owner.

`POST /acts/NAME` with `{"actor": …, "arguments": {…}}` answers JSON: what the act says, or `{"fault": sentence}` (400).
Only the acts of `relay.admin.acts` exist; who connects is said by the socket's mode. Raises `ListenError`.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from relay.admin.acts import ACTS, LARGEST_KEYS, Site
from relay.config import Config
from relay.daemon import systemd
from relay.daemon.signals import Signals, ignore_signals
from relay.daemon.storage import opened_store
from relay.model.console import NAME
from relay.model.errors import RelayError, StoreError
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.web.http.messages import JSON, Answer, Refusal, Request
from relay.web.http.routes import Routes, route
from relay.web.http.server import Bounds, Server

LARGEST = LARGEST_KEYS + (1 << 16)
GROUP = 0o660
_BOUNDS = Bounds(connections=64, of_one_client=64)


class Acts:
    """Answers requests."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.routes = Routes([route(re.compile(r"/acts/(?P<name>[a-z]{1,20})"), POST=self._act)])

    async def _act(self, request: Request) -> Answer:
        act = ACTS.get(request.parts["name"])
        if act is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        actor, arguments = _read(await request.read(LARGEST))
        try:
            told = await act.run(replace(self._site, actor=f"console:{actor}"), arguments)
        except StoreError:
            raise
        except RelayError as error:
            return _json(HTTPStatus.BAD_REQUEST, {"fault": str(error)})
        return _json(HTTPStatus.OK, told)


async def serve(config: Config) -> None:
    """Serve until a signal to stop."""
    signals = Signals()
    signals.listen()
    try:
        async with opened_store(config) as store:
            server = Server(Acts(Site(config, store)).routes.answer, bounds=_BOUNDS)
            await server.listen(config.control, mode=GROUP)
            events.log().info(Event.READY, listen=[str(config.control)])
            systemd.ready()
            await signals.stop.wait()
            systemd.stopping()
            await server.close(config.deadlines.stop)
    finally:
        ignore_signals()
    events.log().info(Event.STOPPED)


def _read(octets: bytes) -> tuple[str, dict[str, str]]:
    try:
        asked = json.loads(octets)
        actor, arguments = asked["actor"], asked["arguments"]
        sound = isinstance(actor, str) and NAME.fullmatch(actor) and isinstance(arguments, dict)
    except (ValueError, KeyError, TypeError):
        raise Refusal(HTTPStatus.BAD_REQUEST) from None
    if not sound or not all(isinstance(value, str) for value in arguments.values()):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return actor, arguments


def _json(status: HTTPStatus, value: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(value, ensure_ascii=False).encode(), JSON)
