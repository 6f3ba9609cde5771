"""Forms and queries, read: bounded, each name once."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from relay.web.http.messages import Refusal, Request

LARGEST = 2 << 20
MOST_FIELDS = 32


def query_of(request: Request) -> Mapping[str, str]:
    """Return the fields of the request's query. Raises `Refusal`."""
    return _fields(request.query)


async def form_of(request: Request, most: int = LARGEST) -> Mapping[str, str]:
    """The fields of `application/x-www-form-urlencoded`. Raises `Refusal`."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return _fields((await request.read(most)).decode("ascii", "replace"))


def _fields(text: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        raise Refusal(HTTPStatus.BAD_REQUEST) from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return found
