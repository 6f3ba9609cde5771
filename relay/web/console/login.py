"""Log in, log out, and the first time: a one-time link sets password and second factor."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from relay.model.console import NAME, Known, Way
from relay.store.console import ConsoleStore, Secrets
from relay.web.console import credentials, sessions
from relay.web.console.elsewhere import Elsewhere
from relay.web.console.forms import form_of
from relay.web.console.view import View
from relay.web.http.limits import Limit, Rate
from relay.web.http.messages import Answer, Request

_SMALL = 8192


def redirect(to: str, **headers: str) -> Answer:
    """Go on there with GET."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(HTTPStatus.SEE_OTHER, headers={"Location": to, **named})


@dataclass(frozen=True, slots=True)
class Login:
    """The handlers. Attempts are limited by name and by client; beyond the limit the answer is that of a wrong code."""

    store: ConsoleStore
    sessions: sessions.Sessions
    elsewhere: Elsewhere
    by_name: Limit = field(default_factory=lambda: Limit(Rate(5, 1 / 60)))
    enrolling: asyncio.Lock = field(default_factory=asyncio.Lock)
    by_client: Limit = field(default_factory=lambda: Limit(Rate(20, 1 / 15)))

    async def log_in(self, request: Request, view: View) -> Answer:
        """POST /login."""
        sessions.assure_same_site(request)
        form = await form_of(request, _SMALL)
        name = form.get("name", "").strip()
        known_form = NAME.fullmatch(name) is not None  # what is no name is not remembered by a limit
        allowed = self.by_client.allows(request.client) and known_form and self.by_name.allows(name.lower())
        if allowed and (cookie := await self._by_password(name, form)):
            return redirect("/", Set_Cookie=cookie)
        return view.page("login", HTTPStatus.FORBIDDEN, wrong=True)

    async def to_provider(self, request: Request, view: View) -> Answer:
        """GET /login/oidc."""
        if not self.by_client.allows(request.client):
            return view.page("login", HTTPStatus.FORBIDDEN, wrong=True)
        return await self.elsewhere.begin(view)

    async def from_provider(self, request: Request, view: View) -> Answer:
        """GET /login/oidc/back."""
        return await self.elsewhere.finish(request, view)

    async def log_out(self, request: Request) -> Answer:
        """POST /logout; `assure_form` has looked at it."""
        return redirect("/login", Set_Cookie=await self.sessions.end(request))

    async def enrolment(self, request: Request, view: View) -> Answer:
        """GET /enrol/TOKEN: opening it changes nothing."""
        if not self.elsewhere.ways.local or await self._invited(request) is None:
            return view.page("enrol_over", HTTPStatus.GONE)
        return _form(view, credentials.new_secret(), wrong=False)

    async def enrol(self, request: Request, view: View) -> Answer:
        """POST /enrol/TOKEN."""
        sessions.assure_same_site(request)
        form = await form_of(request, _SMALL)
        known = await self._invited(request)
        if known is None or not self.elsewhere.ways.local:
            return view.page("enrol_over", HTTPStatus.GONE)
        secret, password = form.get("secret", ""), form.get("password", "")
        sound = re.fullmatch(r"[A-Z2-7]{32}", secret) and credentials.SHORTEST <= len(password) <= credentials.LONGEST
        if not sound or credentials.step_of(secret, form.get("code", "").strip()) is None:
            return _form(view, secret if sound else credentials.new_secret(), wrong=True)
        made = Secrets(await credentials.hashed(password), secret)
        if not await self._enrolled(
            request, lambda: self.store.set_password(known.person.name, known.generation, made)
        ):
            return view.page("enrol_over", HTTPStatus.GONE)
        return redirect("/login")

    async def _enrolled(self, request: Request, keep: Callable[[], Awaitable[None]]) -> bool:
        """Keep what they log in with, then use the link up: it counts once that is done; one at a time."""
        async with self.enrolling:
            if await self._invited(request) is None:
                return False
            await keep()
            return await self.sessions.link.known("enrolled", token=request.parts["token"]) is not None

    async def _invited(self, request: Request) -> Known | None:
        return await self.sessions.link.known("invited", token=request.parts["token"])

    async def _by_password(self, name: str, form: Mapping[str, str]) -> str | None:
        """In the directory, or of the console's own users, as the button says."""
        if form.get("way") == Way.LDAP:
            return await self.elsewhere.by_directory(name, form)
        return await self._begun(name, form) if self.elsewhere.ways.local else None

    async def _begun(self, name: str, form: Mapping[str, str]) -> str | None:
        known = await self.sessions.link.known("person", name=name)
        stored = known and await self.store.password(known.person.name, known.generation)
        right = await credentials.fits(stored.password if stored else "", form.get("password", ""))
        if not (known and stored and right and known.person.enabled and known.person.enrolled):
            return None
        step = credentials.step_of(stored.totp, form.get("code", "").strip())
        if step is None or not await self.store.use_step(known.person.name, step):
            return None
        return await self.sessions.begin(known)


def _form(view: View, secret: str, *, wrong: bool) -> Answer:
    status = HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK
    return view.page("enrol", status, secret=secret, wrong=wrong)
