"""Which handler answers: an allow list of paths and methods; all else is 404, or 405 with the methods that there are.

Patterns match whole paths as they came: nothing is decoded, joined or cleaned up, so `..`, `%2e` and `//` match none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from relay.web.http.messages import Answer, Handler, Refusal, Request, said


@dataclass(frozen=True, slots=True)
class Route:
    """A pattern and what answers there, by method; HEAD is answered as GET is."""

    pattern: re.Pattern[str]
    handlers: Mapping[str, Handler]

    @property
    def allowed(self) -> str:
        """The methods, for the field Allow."""
        return ", ".join(sorted({*self.handlers, *({"HEAD"} if "GET" in self.handlers else ())}))


def route(pattern: re.Pattern[str], **handlers: Handler) -> Route:
    """Make a route: `route(re.compile(r"/healthz"), GET=health)`."""
    return Route(pattern, handlers)


class Routes:
    """Answers a request by the first route whose pattern fits its path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: Sequence[Route] = tuple(routes)

    async def answer(self, request: Request) -> Answer:
        """The answer of the first route with this path."""
        for each in self._routes:
            if found := each.pattern.fullmatch(request.path):
                return await _handled(each, request, found)
        return said(HTTPStatus.NOT_FOUND)


async def _handled(found: Route, request: Request, match: re.Match[str]) -> Answer:
    handler = found.handlers.get("GET" if request.method == "HEAD" else request.method)
    if handler is None:
        return said(HTTPStatus.METHOD_NOT_ALLOWED, Allow=found.allowed)
    try:
        return await handler(request.with_parts(match.groupdict()))
    except Refusal as refusal:
        return refusal.answer
