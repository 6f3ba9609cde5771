"""A request and its answer, as pages see them. No answer repeats anything of a request but what a page escapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from relay.model.errors import RelayError
from relay.web.http.memory import Load

PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
OCTETS = "application/octet-stream"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: its status, body and fields."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = PLAIN
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside those that every answer has, or in their place."""


class Refusal(RelayError):
    """Ends a request with an answer of its status alone. It does not leave `relay.web`."""

    def __init__(self, status: HTTPStatus, **headers: str) -> None:
        super().__init__(status.phrase)
        self.answer = said(status, **headers)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request, within the bounds of the server."""

    method: str
    """As it came; a route has looked at it."""
    path: str
    """As it came: nothing is decoded in it."""
    query: str
    host: str
    """The name in the field Host, in lower case, without a port."""
    client: str
    """Who asks, for limits: an address (of IPv6 the network); empty: this machine's proxy names nobody."""
    headers: Mapping[str, str]
    """Case of their names does not matter."""
    read: Callable[[int], Awaitable[bytes]]
    """The body; raises `Refusal` (413) where it has more octets than given."""
    share: Callable[[str, int, Load], Awaitable[bytes | None]]
    """So many octets of an answer, under a name: in memory once, until all requests that share them are answered.

    They are read by the function given; raises `Refusal` (503) where no memory is free.
    """
    parts: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """The named groups of the route's pattern."""

    def with_parts(self, parts: Mapping[str, str]) -> Request:
        """The same, for a handler."""
        return replace(self, parts=parts)


Handler = Callable[[Request], Awaitable[Answer]]


def said(status: HTTPStatus, **headers: str) -> Answer:
    """The status in words, and nothing else. `_` in a name is `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, f"{status.phrase}\n".encode(), headers=named)
