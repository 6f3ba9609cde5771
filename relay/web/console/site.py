"""All requests that the console answers, in one list. Roles are checked here, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from relay.model.console import ACTS
from relay.web.console import sessions
from relay.web.console.enrolment import Enrolment
from relay.web.console.forms import form_of
from relay.web.console.frame import bare, framed, remembering
from relay.web.console.login import Login, redirect
from relay.web.console.pages import FORMS, PAGES, UPLOADS, Page, Show, submit, upload
from relay.web.console.refusals import refusals_explained
from relay.web.console.relay_link import LinkError, RelayLink
from relay.web.console.sessions import LoggedIn
from relay.web.console.view import View, Ways, static
from relay.web.console.visit import Visit
from relay.web.http.forms import form
from relay.web.http.messages import Answer, Handler, Refusal, Request, said
from relay.web.http.routes import Routes, route

_TOKEN = r"(?P<token>[A-Za-z0-9_-]{43})"  # noqa: S105  a pattern
_STATIC = {
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "passkey.js": "text/javascript; charset=utf-8",
    "htmx/htmx.min.js": "text/javascript; charset=utf-8",
    "licences.txt": "text/plain; charset=utf-8",
}

LARGEST = (1 << 20) + (1 << 16)
"""Octets of a form: a file of keys, and what stands around it."""

Fields = Mapping[str, bytes]
Change = Callable[[Visit, Fields], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Site:
    """Checks session, role and form before a page is shown."""

    link: RelayLink
    login: Login
    enrolment: Enrolment
    sessions: sessions.Sessions
    ways: Ways

    def routes(self) -> Routes:
        """All routes of the console."""
        return Routes(
            [
                *(route(each.path, **self._handlers(each)) for each in PAGES),
                route(re.compile(r"/login"), GET=self._login, POST=_linked(self._log_in)),
                route(re.compile(r"/login/passkey"), POST=_linked(self._by_passkey)),
                route(re.compile(r"/login/oidc"), GET=self._to_provider),
                route(re.compile(r"/login/oidc/back"), GET=_linked(self._from_provider)),
                route(re.compile(r"/logout"), POST=_linked(self._log_out)),
                route(re.compile(rf"/enrol/{_TOKEN}"), GET=_linked(self._enrolment), POST=_linked(self._enrol)),
                route(re.compile(r"/static/(?P<name>[a-z./]{1,40})"), GET=_file),
                route(re.compile(r"/healthz"), GET=_healthy),
            ]
        )

    def _handlers(self, page: Page) -> dict[str, Handler]:
        handlers = {"GET": self._shown(page.act, page.show)}
        if page.path.pattern in FORMS:
            handlers["POST"] = self._posted(_submit)
        if page.path.pattern in UPLOADS:
            handlers["POST"] = self._posted(upload)
        return handlers

    def _shown(self, act: str, show: Show) -> Handler:
        async def handler(request: Request) -> Answer:
            session = await self.sessions.of(request)
            if session is None:
                return remembering(request, redirect("/login"))
            return await self._guarded(request, session, act, show)

        return _linked(handler)

    def _posted(self, change: Change) -> Handler:
        async def handler(request: Request) -> Answer:
            session = await self.sessions.of(request)
            if session is None:
                return self._bare(request).page("login", HTTPStatus.FORBIDDEN, wrong=False, ended=True)
            fields = await form(request, LARGEST)
            sessions.assure_form(request, session, {sessions.CSRF: _text(fields, sessions.CSRF)})
            if (act := _text(fields, "act")) not in ACTS:
                raise Refusal(HTTPStatus.BAD_REQUEST)
            return await self._guarded(request, session, act, lambda visit: change(visit, fields))

        return _linked(handler)

    async def refused(self, request: Request, status: HTTPStatus, error: str) -> Answer:
        """The page that says why a request was refused, for whoever sent it."""
        try:
            session = await self.sessions.of(request)
        except LinkError:
            session = None
        view = framed(request, session) if session else bare(request)
        return remembering(request, view.page("error", status, error=error))

    async def _guarded(self, request: Request, session: LoggedIn, act: str, show: Show) -> Answer:
        view = framed(request, session)
        if not session.person.may(act):
            return view.page("error", HTTPStatus.FORBIDDEN, error="403")
        answer = remembering(request, await show(Visit(request, view, session.person, self.link)))
        return self.login.devices.noted(request, session.person.name, answer)

    async def _login(self, request: Request) -> Answer:
        return remembering(request, self._bare(request).page("login", wrong=False))

    async def _log_in(self, request: Request) -> Answer:
        return await self.login.log_in(request, self._bare(request))

    async def _by_passkey(self, request: Request) -> Answer:
        return await self.login.by_passkey(request, self._bare(request))

    async def _to_provider(self, request: Request) -> Answer:
        return await self.login.to_provider(request, self._bare(request))

    async def _from_provider(self, request: Request) -> Answer:
        return await self.login.from_provider(request, self._bare(request))

    async def _log_out(self, request: Request) -> Answer:
        session = await self.sessions.of(request)
        if session is not None:
            sessions.assure_form(request, session, await form_of(request))
        return await self.login.log_out(request)

    async def _enrolment(self, request: Request) -> Answer:
        return await self.enrolment.show(request, self._bare(request))

    async def _enrol(self, request: Request) -> Answer:
        return await self.enrolment.enrol(request, self._bare(request))

    def _bare(self, request: Request) -> View:
        """The view for a visitor who is not logged in."""
        return replace(bare(request), ways=self.ways)


def build_site(link: RelayLink, login: Login, enrolment: Enrolment, ways: Ways) -> Handler:
    """What answers everything that a visitor may request."""
    site = Site(link, login, enrolment, login.sessions, ways)
    return refusals_explained(site.routes().answer, site.refused)


def _linked(handler: Handler) -> Handler:
    """The handler, with a page that says so if the relay's side does not answer."""

    async def guarded(request: Request) -> Answer:
        try:
            return await handler(request)
        except LinkError:
            return bare(request).page("error", HTTPStatus.SERVICE_UNAVAILABLE, error="503")

    return guarded


async def _submit(visit: Visit, fields: Fields) -> Answer:
    return await submit(visit, {name: _text(fields, name) for name in fields})


def _text(fields: Fields, name: str) -> str:
    return fields.get(name, b"").decode("utf-8", "replace")


async def _file(request: Request) -> Answer:
    kind = _STATIC.get(request.parts["name"])
    if kind is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    return Answer(HTTPStatus.OK, static(request.parts["name"]), kind, {"Cache-Control": "max-age=3600"})


async def _healthy(_request: Request) -> Answer:
    return said(HTTPStatus.OK)
