"""Log in and log out: by password and second factor, by a passkey, and by the ways in `elsewhere`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from relay.model.console import NAME, Way
from relay.store.console import ConsoleStore
from relay.web.console import credentials, sessions
from relay.web.console.devices import Devices
from relay.web.console.elsewhere import ATTEMPT, WRONG, Elsewhere, refused
from relay.web.console.forms import form_of
from relay.web.console.passkeys import LONGEST, Passkeys, WrongPasskey
from relay.web.console.view import View
from relay.web.http.limits import Limit, Rate
from relay.web.http.messages import Answer, Request

_SMALL = 8192
LOCAL, PASSKEY = "local", "passkey"
LIMIT = "limit"


def redirect(to: str, **headers: str) -> Answer:
    """An answer that sends the browser on, with GET."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(HTTPStatus.SEE_OTHER, headers={"Location": to, **named})


@dataclass(frozen=True, slots=True)
class Login:
    """The handlers. Attempts are limited by name and by client; beyond the limit the answer is that of a wrong code.

    A browser in which somebody has logged in has a limit of its own, whoever else tries their name.
    """

    store: ConsoleStore
    sessions: sessions.Sessions
    elsewhere: Elsewhere
    passkeys: Passkeys | None = None
    by_name: Limit = field(default_factory=lambda: Limit(Rate(5, 1 / 60)))
    by_client: Limit = field(default_factory=lambda: Limit(Rate(20, 1 / 15)))
    by_device: Limit = field(default_factory=lambda: Limit(Rate(5, 1 / 60)))
    devices: Devices = field(default_factory=Devices)

    async def log_in(self, request: Request, view: View) -> Answer:
        """POST /login: log in with name and password, here or at the directory."""
        sessions.assure_same_site(request)
        form = await form_of(request, _SMALL)
        name = form.get("name", "").strip()
        known_form = NAME.fullmatch(name) is not None  # what is no name is not remembered by a limit
        allowed = self.by_client.allows(request.client) and known_form and self._may_try(request, name)
        way = Way.LDAP if form.get("way") == Way.LDAP else LOCAL
        if not allowed:
            refused(way, LIMIT)
        elif cookie := await self._by_password(way, name, form):
            return redirect("/", Set_Cookie=cookie)
        return view.page("login", HTTPStatus.FORBIDDEN, wrong=True, typed=name)

    def _may_try(self, request: Request, name: str) -> bool:
        device = self.devices.of(request, name)
        return self.by_device.allows(device) if device else self.by_name.allows(name.lower())

    async def to_provider(self, request: Request, view: View) -> Answer:
        """GET /login/oidc: lead the browser to the OpenID provider."""
        if not self.by_client.allows(request.client):
            refused(Way.OIDC, LIMIT)
            return view.page("login", HTTPStatus.FORBIDDEN, wrong=True)
        return await self.elsewhere.begin(view)

    async def from_provider(self, request: Request, view: View) -> Answer:
        """GET /login/oidc/back: the browser comes back from the OpenID provider."""
        return await self.elsewhere.finish(request, view)

    async def log_out(self, request: Request) -> Answer:
        """POST /logout; `assure_form` has looked at it."""
        return redirect("/login", Set_Cookie=await self.sessions.end(request))

    async def by_passkey(self, request: Request, view: View) -> Answer:
        """POST /login/passkey: without an answer the question, with one the login."""
        sessions.assure_same_site(request)
        if self.passkeys is None or not self.by_client.allows(request.client):
            refused(PASSKEY, LIMIT)
            return view.page("login", HTTPStatus.FORBIDDEN, wrong=True)
        answer = (await form_of(request, 3 * LONGEST)).get("credential", "")
        if not answer:
            return await self._asked(self.passkeys, view)
        if cookie := await self._of_passkey(self.passkeys, request, answer):
            return redirect("/", Set_Cookie=cookie)
        refused(PASSKEY, WRONG)
        return view.page("login", HTTPStatus.FORBIDDEN, wrong=True)

    async def _asked(self, keys: Passkeys, view: View) -> Answer:
        token, challenge = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        await self.store.attempt(token, PASSKEY, challenge)
        page = view.page("passkey", options=keys.asking(challenge.encode()))
        cookie = f"{ATTEMPT}={token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=600"
        return replace(page, headers={**page.headers, "Set-Cookie": cookie})

    async def _of_passkey(self, keys: Passkeys, request: Request, answer: str) -> str | None:
        """The session of whose passkey answered to the question of this browser."""
        challenge = await self.store.attempted(sessions.cookies(request).get(ATTEMPT, ""), PASSKEY)
        try:
            passkey = await self.store.passkey(keys.id_of(answer)) if challenge else None
            if challenge is None or passkey is None:
                return None
            count = keys.used(passkey, challenge.encode(), answer)
        except WrongPasskey:
            return None
        known = await self.sessions.link.known("person", name=passkey.name)
        if not known or known.generation != passkey.generation or not known.person.may_log_in:
            return None
        return await self.sessions.begin(known) if await self.store.use_passkey(passkey, count) else None

    async def _by_password(self, way: str, name: str, form: Mapping[str, str]) -> str | None:
        """In the directory, or of the console's own users."""
        if way == Way.LDAP:
            return await self.elsewhere.by_directory(name, form)
        cookie = await self._begun(name, form) if self.elsewhere.ways.local else None
        if cookie is None:
            refused(LOCAL, WRONG)
        return cookie

    async def _begun(self, name: str, form: Mapping[str, str]) -> str | None:
        known = await self.sessions.link.known("person", name=name)
        stored = known and await self.store.password(known.person.name, known.generation)
        right = await credentials.fits(stored.password if stored else "", form.get("password", ""))
        if not (known and stored and right and known.person.may_log_in):
            return None
        step = credentials.step_of(stored.totp, form.get("code", "").strip())
        if step is None or not await self.store.use_step(known.person.name, step):
            return None
        return await self.sessions.begin(known)
