"""The console's way to the relay: acts, asked over its control socket. Raises `LinkError`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from relay.channel.body import read_body
from relay.model.console import Known, Person, Role, Way
from relay.model.endpoint import HTTP_IDLE, HttpPlace
from relay.model.errors import RelayError

SECONDS = 20.0
MOST_OCTETS = 8 << 20


class LinkError(RelayError):
    """The relay's side does not answer."""


class ActRefused(RelayError):
    """The relay does not do it; the message is a sentence for the person."""


class SecondPersonAwaited(ActRefused):
    """The relay has recorded the act and does it once a second person asks for the same; the message says so."""


class RelayLink:
    """Made in the event loop that uses it; `close` at the end."""

    def __init__(self, place: HttpPlace) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(place.path, limit=16, keepalive_timeout=HTTP_IDLE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=SECONDS),
        )

    async def ask(self, person: Person, act: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        """The result of the act. Raises `ActRefused` with the relay's reason, and `SecondPersonAwaited`."""
        return await self._told(f"acts/{act}", {"actor": person.name, "arguments": dict(arguments)})

    async def known(self, look: str, **arguments: str) -> Known | None:
        """The person who logs in, or is logged in; `relay.admin.logins` has the requests."""
        told = await self._told(f"logins/{look}", {"arguments": arguments})
        if not told:
            return None
        logins = tuple((Way(way), subject) for way, subject in told["logins"])
        person = Person(told["name"], Role(told["role"]), told["enabled"], told["enrolled"], logins)
        return Known(person, told["generation"], told["ended"])

    async def _told(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(asked).encode()
        try:
            async with self._session.post(f"http://localhost/{path}", data=body) as answer:
                octets = await read_body(answer, MOST_OCTETS)
                status = answer.status
            told = json.loads(octets) if octets else None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            raise LinkError("the relay's side of the console does not answer") from None
        if not isinstance(told, dict):
            raise LinkError("the relay's side of the console does not answer")
        if status == HTTPStatus.BAD_REQUEST and "fault" in told:
            raise ActRefused(str(told["fault"]))
        if status == HTTPStatus.ACCEPTED and "waits" in told:
            raise SecondPersonAwaited(str(told["waits"]))
        if status != HTTPStatus.OK:
            raise LinkError("the relay's side of the console does not answer")
        return told

    async def close(self) -> None:
        """Close the connections that are kept open."""
        await self._session.close()
