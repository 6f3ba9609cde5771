"""The Web Key Directory of our own domains (draft-koch-openpgp-webkey-service sections 3.1 and 4.5).

    /.well-known/openpgpkey/DOMAIN/hu/HASH    the advanced method, whatever the host is called
    /.well-known/openpgpkey/hu/HASH           the direct method: the domain is the host's name
    …/policy                                  empty, and there for each domain that is published

The relay has prepared each answer: one for an address never holds another address, and an unlisted address is not here
at all, as an unknown one. The query (`?l=`) is not read. Misses are limited more than finds: they are how addresses are
guessed. Any site may read the answers (CORS).
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from http import HTTPStatus

from relay.model.public import ObjectKind, PublicObject
from relay.store.public import PublicObjects
from relay.web.http.limits import Limit, Rate, too_many
from relay.web.http.messages import OCTETS, PLAIN, Answer, Request, said
from relay.web.http.routes import Route, route

KEPT = 30.0
MOST_KEPT = 4096
_CACHED = "max-age=300"
_OPEN = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_LEAF = r"(?P<leaf>hu/[ybndrfg8ejkmcpqxot1uwisza345h769]{32}|policy)"
_DOMAIN = r"(?P<domain>[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,8})"
_FINDS = Rate(burst=1000, each_second=100)
_MISSES = Rate(burst=1000, each_second=1)


class WebKeyDirectory:
    """`routes` of the published certificates."""

    def __init__(self, objects: PublicObjects) -> None:
        self._objects = objects
        self._finds = Limit(_FINDS)
        self._misses = Limit(_MISSES)
        self._kept: dict[str, tuple[float, PublicObject]] = {}
        self._changes = 0

    @property
    def routes(self) -> list[Route]:
        """The paths of both methods of WKD, the direct and the advanced one."""
        return [
            route(re.compile(rf"/\.well-known/openpgpkey/{_LEAF}"), GET=self._direct),
            route(re.compile(rf"/\.well-known/openpgpkey/{_DOMAIN}/{_LEAF}"), GET=self._advanced),
        ]

    async def _direct(self, request: Request) -> Answer:
        return await self._answer(request, request.host)

    async def _advanced(self, request: Request) -> Answer:
        return await self._answer(request, request.parts["domain"].lower())

    async def _answer(self, request: Request, domain: str) -> Answer:
        client = request.client
        if client and self._misses.exhausted(client):
            raise too_many(self._misses, client)
        if client and not self._finds.allows(client):
            raise too_many(self._finds, client)
        found = await self._found(f"{domain}/{request.parts['leaf']}")
        if found:
            return _published(found, request)
        if not self._misses.allows(client):
            raise too_many(self._misses, client)
        return replace(said(HTTPStatus.NOT_FOUND), headers=_OPEN)

    async def _found(self, name: str) -> PublicObject | None:
        """As it is published, or was at most `KEPT` seconds ago where another process writes to the database too.

        What is not published is looked for each time.
        """
        now, changes = time.monotonic(), self._objects.changes
        if changes != self._changes or len(self._kept) >= MOST_KEPT:
            self._kept.clear()
            self._changes = changes
        until, found = self._kept.get(name, (0.0, None))
        if found is None or until <= now:
            found = await self._objects.shown(ObjectKind.CERTIFICATES, name)
            if found and changes == self._objects.changes:
                self._kept[name] = (now + KEPT, found)
        return found


def _published(found: PublicObject, request: Request) -> Answer:
    headers = {**_OPEN, "ETag": found.etag, "Cache-Control": _CACHED}
    if request.headers.get("If-None-Match") == found.etag:
        return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(HTTPStatus.OK, found.octets, OCTETS if found.octets else PLAIN, headers)
