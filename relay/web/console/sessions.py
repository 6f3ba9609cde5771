"""Who is logged in: a cookie with a random token; the rest of a session is kept in the console's own database.

For each request the relay says whether the person may still be logged in, and in which role. The cookie is `__Host-`,
HttpOnly, Secure and SameSite=Strict (RFC 6265bis): no other site makes a browser send it. A form carries the session's
own token besides, and its Origin has to be this site.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from urllib.parse import urlsplit

from relay.model.console import Known, Person, Way
from relay.store.console import ConsoleStore, Session
from relay.web.console.relay_link import RelayLink
from relay.web.http.messages import Refusal, Request

COOKIE = "__Host-session"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
CSRF = "csrf"
"""The field of forms."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Somebody who is logged in now."""

    person: Person
    csrf: str
    """What each form of this session carries."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Begins, finds and ends them. Raises `LinkError` where the relay does not say who somebody is."""

    store: ConsoleStore
    link: RelayLink

    async def begin(self, known: Known, login: tuple[Way, str] | None = None) -> str:
        """Log in, by a login elsewhere where one is given; the value of Set-Cookie."""
        person, (token, csrf) = known.person, (secrets.token_urlsafe(32) for _ in range(2))
        session = Session(person.name, known.session, person.role.value, csrf, ":".join(login or ()))
        await self.store.begin(token, session)
        return f"{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"

    async def of(self, request: Request) -> LoggedIn | None:
        """Whose request this is; None also where they were disabled, reset, unlinked or given another role since."""
        token = _token(request)
        session = await self.store.session(token) if token else None
        if session is None:
            return None
        known = await self.link.known("person", name=session.name)
        return LoggedIn(known.person, session.csrf) if known and _counts(session, known) else None

    async def end(self, request: Request) -> str:
        """Log out; the value of Set-Cookie."""
        token = _token(request)
        if token:
            await self.store.end(token)
        return f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"


def _counts(session: Session, known: Known) -> bool:
    same = (known.session, known.person.role.value) == (session.generation, session.role)
    theirs = {"", *(":".join(login) for login in known.person.logins)}
    return known.person.enabled and same and session.login in theirs


def cookies(request: Request) -> Mapping[str, str]:
    """By name; one that stands twice is not there."""
    pairs = [part.strip().partition("=") for part in request.headers.get("Cookie", "").split(";")[:50]]
    names = [name for name, _, _ in pairs]
    return {name: value for name, _, value in pairs if names.count(name) == 1}


def assure_same_site(request: Request) -> None:
    """A request that changes something comes from a page of ours. Raises `Refusal`."""
    if _host(request.headers.get("Origin", "")) != request.host:
        raise Refusal(HTTPStatus.FORBIDDEN)
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Refusal(HTTPStatus.FORBIDDEN)


def assure_form(request: Request, session: LoggedIn, form: Mapping[str, str]) -> None:
    """The form is of this session. Raises `Refusal`."""
    assure_same_site(request)
    if not compare_digest(form.get(CSRF, "").encode(), session.csrf.encode()):
        raise Refusal(HTTPStatus.FORBIDDEN)


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


def _token(request: Request) -> str | None:
    token = cookies(request).get(COOKIE, "")
    return token if _TOKEN.fullmatch(token) else None
