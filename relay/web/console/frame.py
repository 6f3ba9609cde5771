"""The frame of a page: for whom it is, and in which language. A language that was chosen stays chosen."""

from __future__ import annotations

from relay.web.console import sessions
from relay.web.console.forms import query_of
from relay.web.console.sessions import LoggedIn
from relay.web.console.texts import TEXTS
from relay.web.console.view import View
from relay.web.http.messages import Answer, Request
from relay.web.pages.languages import chosen

LANGUAGE = "language"
"""The cookie."""


def framed(request: Request, session: LoggedIn) -> View:
    """For who is logged in."""
    asked = {name: text for name, text in query_of(request).items() if name != "done"}
    return View(_language(request), request.path, session.person, session.csrf, asked=asked)


def bare(request: Request) -> View:
    """For who is not logged in."""
    return View(_language(request), request.path)


def remembering(request: Request, answer: Answer) -> Answer:
    """The answer, and the language that the request chose as a cookie."""
    language = query_of(request).get("lang", "")
    if language not in TEXTS:
        return answer
    cookie = f"{LANGUAGE}={language}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=31536000"
    return Answer(answer.status, answer.body, answer.content_type, {**answer.headers, "Set-Cookie": cookie})


def _language(request: Request) -> str:
    switch = query_of(request).get("lang") or sessions.cookies(request).get(LANGUAGE, "")
    return chosen(switch, request.headers.get("Accept-Language", ""))
