"""`/keys`: send a key in, see what was read, choose the address, and confirm by the link in the mail.

    GET  /keys                  the form
    POST /keys                  with a key: what was read; with an address and the page's token as well: event `key`
    GET  /keys/confirm/TOKEN    a page with a button; opening it changes nothing
    POST /keys/confirm/TOKEN    with the page's token: event `confirmed`; of an invitation's link `refused`

Of a key only the event is kept, and nothing is decided here. Of a link only the SHA-256 of its token is known.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from relay.mail.armor import enarmor
from relay.model import Address
from relay.model.errors import Crowded
from relay.model.public import EventKind, ObjectKind
from relay.store.public import PublicStore
from relay.web.enrolment.gate import Gate
from relay.web.enrolment.reading import FATAL, KeyRead, NoKey, read_key
from relay.web.enrolment.tokens import PageTokens
from relay.web.http.messages import Answer, Request
from relay.web.http.routes import Route, route
from relay.web.pages.render import Pages

_UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
_TOKEN = r"(?P<token>[A-Za-z0-9_-]{16,100})"  # noqa: S105  the pattern of one


class _Asked(NamedTuple):
    """What a link in a mail of ours asks; the sections are of the pages' texts."""

    kind: ObjectKind
    event: EventKind
    section: str
    done: str


_ASKED = (
    _Asked(ObjectKind.CHALLENGE, EventKind.CONFIRMED, "confirm", "confirmed"),
    _Asked(ObjectKind.INVITATION, EventKind.REFUSED, "refuse", "refused"),
)


class Enrolment:
    """`routes` of the pages."""

    def __init__(
        self, store: PublicStore, pages: Pages, hosts: frozenset[str], clock: Callable[[], float] = time.time
    ) -> None:
        """`hosts`: the names that the pages are reached by."""
        self._store = store
        self._pages = pages
        self._gate = Gate(hosts)
        self._clock = clock
        self._tokens = PageTokens(clock)

    @property
    def routes(self) -> list[Route]:
        """The form for a key, and its confirmation."""
        return [
            route(re.compile(r"/keys"), GET=self._form, POST=self._send),
            route(re.compile(rf"/keys/confirm/{_TOKEN}"), GET=self._ask, POST=self._confirm),
        ]

    async def _form(self, request: Request) -> Answer:
        self._gate.look(request)
        return self._pages.page(request, "keys.html", fault="")

    async def _send(self, request: Request) -> Answer:
        fields = await self._gate.posted(request)
        try:
            key = read_key(fields.get("key", b"").strip() or fields.get("file", b""), self._clock())
        except NoKey as error:
            return self._pages.page(request, "keys.html", _UNPROCESSABLE, fault=error.fault)
        if "address" not in fields or not key.usable:
            return self._check(request, key)
        address = _chosen(fields, key)
        if address is None:
            return self._pages.page(request, "keys.html", _UNPROCESSABLE, fault="address")
        if not self._tokens.fits(_text(fields, "token"), key.octets):
            return self._check(request, key)
        return await self._hand_over(request, key, address)

    def _check(self, request: Request, key: KeyRead) -> Answer:
        """What was read, to look at."""
        return self._pages.page(
            request,
            "key-check.html",
            HTTPStatus.OK if key.usable else _UNPROCESSABLE,
            key=key,
            fatal=FATAL,
            armored=enarmor(key.octets, "PUBLIC KEY BLOCK").decode("ascii"),
            token=self._tokens.make(key.octets),
        )

    async def _hand_over(self, request: Request, key: KeyRead, address: Address) -> Answer:
        try:
            await self._store.events.add(EventKind.KEY, address.text, key.octets)
        except Crowded:
            return self._message(request, "busy", ("first", "second"), HTTPStatus.SERVICE_UNAVAILABLE)
        return self._message(request, "sent", ("first", "second", "third"), address=address)

    async def _ask(self, request: Request) -> Answer:
        self._gate.look(request)
        name = _digest(request)
        asked = await self._asked(name)
        return self._confirmation(request, asked, name, stale=False) if asked else self._gone(request)

    async def _confirm(self, request: Request) -> Answer:
        fields = await self._gate.posted(request)
        name = _digest(request)
        asked = await self._asked(name)
        if asked is None:
            return self._gone(request)
        if not self._tokens.fits(_text(fields, "token"), name.encode()):
            return self._confirmation(request, asked, name, stale=True)
        await self._store.events.add(asked.event, name, once=True)
        await self._store.objects.remove(asked.kind, name)
        return self._message(request, asked.done, ("first", "second"), back="/keys")

    async def _asked(self, name: str) -> _Asked | None:
        """What a link asks; None: it is not ours, or has expired."""
        for asked in _ASKED:
            if await self._store.objects.facts(asked.kind, name) is not None:
                return asked
        return None

    def _confirmation(self, request: Request, asked: _Asked, name: str, *, stale: bool) -> Answer:
        status = HTTPStatus.FORBIDDEN if stale else HTTPStatus.OK
        token = self._tokens.make(name.encode())
        return self._pages.page(
            request, "confirm.html", status, section=asked.section, stale=stale, path=request.path, token=token
        )

    def _gone(self, request: Request) -> Answer:
        return self._message(request, "gone", ("first", "second"), HTTPStatus.NOT_FOUND, back="/keys")

    def _message(
        self,
        request: Request,
        section: str,
        names: tuple[str, ...],
        status: HTTPStatus = HTTPStatus.OK,
        back: str = "",
        **values: object,
    ) -> Answer:
        texts = self._pages.texts(request)
        return self._pages.page(
            request,
            "message.html",
            status,
            title=texts(f"{section}.title"),
            paragraphs=[texts(f"{section}.{name}", **values) for name in names],
            back=f"{back}?lang={texts.language}" if back else "",
            back_text=texts(f"{section}.back") if back else "",
        )


def _digest(request: Request) -> str:
    return hashlib.sha256(request.parts["token"].encode()).hexdigest()


def _chosen(fields: Mapping[str, bytes], key: KeyRead) -> Address | None:
    """One of the key's own addresses."""
    wanted = _text(fields, "address")
    return next((address for address in key.addresses if address.text == wanted), None)


def _text(fields: Mapping[str, bytes], name: str) -> str:
    return fields.get(name, b"").decode("utf-8", "replace")
