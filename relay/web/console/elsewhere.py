"""Logging in at an OpenID provider or a directory. The groups there give the role.

A person who comes back from the provider is recognised by a cookie of that attempt; the console's database has the
other half, and gives it out once. Nothing that the provider or directory answers is shown or logged; a word of ours
says what was wrong.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from relay.config.console import Login as Ways
from relay.keys.ldap.people import Place, authenticated
from relay.keys.ldap.reason import Unavailable
from relay.keys.ldap.server import Server
from relay.model.console import NAME, Role, Way, highest
from relay.telemetry import events
from relay.telemetry.events import Event
from relay.web.console import sessions
from relay.web.console.forms import query_of
from relay.web.console.oidc import Begun, Oidc, Refused
from relay.web.console.provider import ProviderError
from relay.web.console.view import View
from relay.web.http.messages import Answer, Request

ATTEMPT = "__Host-attempt"
_COOKIE = "Path=/; Secure; HttpOnly; SameSite=Lax"  # it comes back with a navigation from the provider's site
WRONG = "wrong"
"""Why somebody was not let in: name, password, code or answer."""
AT_ONCE = 4
"""The most logins at the directory at a time: each takes two processes."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The handlers for a login at a provider, and for a name and password in the directory."""

    sessions: sessions.Sessions
    ways: Ways
    oidc: Oidc | None
    directory: Server | None
    asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def begin(self, view: View) -> Answer:
        """GET /login/oidc: send the browser to the provider."""
        if self.oidc is None:
            return view.page("login", HTTPStatus.NOT_FOUND, wrong=False)
        token = secrets.token_urlsafe(32)
        try:
            url, begun = await self.oidc.begin()
        except (Refused, ProviderError) as error:
            return _refused(view, Way.OIDC, str(error))
        await self.sessions.store.attempt(token, Way.OIDC, begun.written)
        headers = {"Location": url, "Set-Cookie": f"{ATTEMPT}={token}; {_COOKIE}; Max-Age=600"}
        return Answer(HTTPStatus.SEE_OTHER, headers=headers)

    async def finish(self, request: Request, view: View) -> Answer:
        """GET /login/oidc/back: the provider has sent the browser back."""
        token = sessions.cookies(request).get(ATTEMPT, "")
        written = await self.sessions.store.attempted(token, Way.OIDC)
        if self.oidc is None or self.ways.oidc is None or written is None:
            return _refused(view, Way.OIDC, "attempt")
        try:
            claimed = await self.oidc.finish(Begun.read(written), query_of(request))
        except (Refused, ProviderError) as error:
            return _refused(view, Way.OIDC, str(error))
        role = highest(self.ways.oidc.groups, claimed.groups)
        cookie = await self._begun(Way.OIDC, claimed.subject, claimed.name, role)
        if cookie is None:
            return _refused(view, Way.OIDC, "role" if role is None else "person")
        page = view.page("welcome")  # from here on the browser's way is within this site, and it sends its cookie
        return replace(page, headers={**page.headers, "Set-Cookie": cookie})

    async def by_directory(self, name: str, form: Mapping[str, str]) -> str | None:
        """Log in by name and password in the directory. Returns the session cookie; None where that fails."""
        if self.directory is None or self.ways.ldap is None:
            return None
        keys = self.ways.ldap
        place = Place(keys.base, keys.filter, keys.groups.values())
        try:
            async with asyncio.timeout(keys.timeout), self.asking:
                member = await authenticated(self.directory, place, name, form.get("password", ""))
        except (Unavailable, TimeoutError):
            refused(Way.LDAP, "directory")
            return None
        if member is None:
            refused(Way.LDAP, WRONG)
            return None
        role = highest(keys.groups, member.groups)
        cookie = await self._begun(Way.LDAP, member.dn, name, role)
        if cookie is None:
            refused(Way.LDAP, "role" if role is None else "person")
        return cookie

    async def _begun(self, way: Way, subject: str, name: str, role: Role | None) -> str | None:
        """Begin the session of this login. Returns its cookie; None where the person may not log in."""
        if role is None or not NAME.fullmatch(name):
            return None
        known = await self.sessions.link.known("met", way=way.value, subject=subject, name=name, role=role.value)
        if known is None or not known.person.enabled:
            return None
        login = next(each for each in known.person.logins if each == (way, way.compared(subject)))
        return await self.sessions.begin(known, login)


def refused(way: str, why: str) -> None:
    """Log that a login was refused, and a word that says why."""
    events.log().info(Event.LOGIN_REFUSED, way=str(way), why=why)


def _refused(view: View, way: Way, why: str) -> Answer:
    refused(way, why)
    return view.page("login", HTTPStatus.FORBIDDEN, wrong=True)
