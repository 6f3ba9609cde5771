"""Answers the relay's requests to the public service (`relay.channel.protocol`), from the service's own database."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from relay.channel import protocol
from relay.model.public import LARGEST_OBJECT, ObjectKind
from relay.store.public import PublicStore
from relay.web.http.messages import JSON, OCTETS, Answer, Request, said
from relay.web.http.routes import Route, Routes, route

_KIND = rf"(?P<kind>{'|'.join(ObjectKind)})"
_OBJECT = rf"/objects/{_KIND}/(?P<id>[A-Za-z0-9._/-]{{1,400}})"


class ChannelRoutes:
    """The public web service's side of the channel: answers requests of the relay."""

    def __init__(self, store: PublicStore) -> None:
        self._objects = store.objects
        self._events = store.events
        self._routes = Routes(self._all())

    async def answer(self, request: Request) -> Answer:
        """Answer a request of the relay; 400 for anything that it would not send."""
        try:
            return await self._routes.answer(request)
        except ValueError:
            return said(HTTPStatus.BAD_REQUEST)

    def _all(self) -> list[Route]:
        return [
            route(re.compile(rf"/counts/{_KIND}"), GET=self._count),
            route(re.compile(rf"/objects/{_KIND}"), GET=self._list),
            route(re.compile(_OBJECT), PUT=self._put, POST=self._change, DELETE=self._remove),
            route(re.compile(r"/events"), GET=self._since),
            route(re.compile(r"/events/(?P<number>[0-9]{1,18})"), GET=self._octets, DELETE=self._done),
        ]

    async def _count(self, request: Request) -> Answer:
        return Answer(HTTPStatus.OK, str(await self._objects.count(ObjectKind(request.parts["kind"]))).encode())

    async def _list(self, request: Request) -> Answer:
        after = _after(request)
        found = await self._objects.listed(ObjectKind(request.parts["kind"]), after, protocol.PAGE)
        return Answer(HTTPStatus.OK, protocol.page(found), JSON)

    async def _put(self, request: Request) -> Answer:
        octets = await request.read(LARGEST_OBJECT)
        await self._objects.put(
            protocol.read_object(request.parts["kind"], request.parts["id"], request.headers, octets)
        )
        return Answer(HTTPStatus.NO_CONTENT)

    async def _change(self, request: Request) -> Answer:
        kind, name = ObjectKind(request.parts["kind"]), request.parts["id"]
        changes: list[Callable[[], Awaitable[bool]]] = []
        if expires := request.headers.get(protocol.EXPIRES):
            changes.append(lambda: self._objects.expire(kind, name, protocol.read_expires(expires)))
        if request.headers.get(protocol.ACTIVE) == "1":
            changes.append(lambda: self._objects.activate(kind, name))
        done = [await change() for change in changes]
        return _done(there=all(done)) if done else said(HTTPStatus.BAD_REQUEST)

    async def _remove(self, request: Request) -> Answer:
        return _done(there=await self._objects.remove(ObjectKind(request.parts["kind"]), request.parts["id"]))

    async def _since(self, request: Request) -> Answer:
        found = await self._events.since(int(_after(request) or "0"), protocol.PAGE)
        return Answer(HTTPStatus.OK, protocol.page(found), JSON)

    async def _octets(self, request: Request) -> Answer:
        found = await self._events.octets(int(request.parts["number"]))
        return said(HTTPStatus.NOT_FOUND) if found is None else Answer(HTTPStatus.OK, found, OCTETS)

    async def _done(self, request: Request) -> Answer:
        return _done(there=await self._events.remove(int(request.parts["number"])))


def _after(request: Request) -> str:
    return parse_qs(request.query, max_num_fields=4).get("after", [""])[0]


def _done(*, there: bool) -> Answer:
    return Answer(HTTPStatus.NO_CONTENT) if there else said(HTTPStatus.NOT_FOUND)
