"""Who is logged in: a cookie with a random token; all else is kept in the console's own database.

The cookie is `__Host-`, HttpOnly, Secure and SameSite=Strict (RFC 6265bis): no other site makes a browser send it. A
form carries the session's own token besides, and its Origin has to be this site.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from urllib.parse import urlsplit

from relay.model.console import Person
from relay.store.console import ConsoleStore, Session
from relay.web.http.messages import Refusal, Request

COOKIE = "__Host-session"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
CSRF = "csrf"
"""The field of forms."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Begins, finds and ends them."""

    store: ConsoleStore

    async def begin(self, person: Person) -> str:
        """Log in; the value of Set-Cookie."""
        token = secrets.token_urlsafe(32)
        await self.store.begin(person, token, secrets.token_urlsafe(32))
        return f"{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"

    async def of(self, request: Request) -> Session | None:
        """The session of this request."""
        token = _token(request)
        return await self.store.session(token) if token else None

    async def end(self, request: Request) -> str:
        """Log out; the value of Set-Cookie."""
        token = _token(request)
        if token:
            await self.store.end(token)
        return f"{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"


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


def assure_form(request: Request, session: Session, form: Mapping[str, str]) -> None:
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
