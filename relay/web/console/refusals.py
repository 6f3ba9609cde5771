"""Shows a page, in the console's frame and language, where a request was refused with its status alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from relay.web.console.forms import query_of
from relay.web.http.messages import PLAIN, Answer, Handler, Refusal, Request

PAGES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "400",
    HTTPStatus.FORBIDDEN: "form",
    HTTPStatus.NOT_FOUND: "404",
    HTTPStatus.METHOD_NOT_ALLOWED: "404",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "413",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "400",
    HTTPStatus.SERVICE_UNAVAILABLE: "busy",
}
"""What is said of each status, by the names of the console's texts."""
Explain = Callable[[Request, HTTPStatus, str], Awaitable[Answer]]


def refusals_explained(handler: Handler, explain: Explain) -> Handler:
    """The handler, with the page that `explain` makes in place of a refusal; its header fields stay."""

    async def answered(request: Request) -> Answer:
        answer = await handler(request)
        text = PAGES.get(answer.status) if answer.content_type == PLAIN else None
        if text is None:
            return answer
        page = await explain(_readable(request), answer.status, text)
        return replace(page, headers={**page.headers, **answer.headers})

    return answered


def _readable(request: Request) -> Request:
    """The request, without a query that cannot be read: it may be what was refused."""
    try:
        query_of(request)
    except Refusal:
        return replace(request, query="")
    return request
