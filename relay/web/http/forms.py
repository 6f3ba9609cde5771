"""The fields of a form as a browser sends it: URL-encoded, or in parts with a file (RFC 7578). Bounded.

A field that stands twice counts once, the first time. Raises `Refusal` for what no form of ours sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from relay.web.http.messages import Refusal, Request

MOST_FIELDS = 20
_BOUNDARY = re.compile(r'multipart/form-data; *boundary=("?)([A-Za-z0-9\'()+_,./:=?-]{1,70})\1', re.IGNORECASE)
_NAME = re.compile(rb'content-disposition: *form-data; *name="([a-z_]{1,40})"', re.IGNORECASE)


async def form(request: Request, most: int) -> Mapping[str, bytes]:
    """Its fields by name; the body has at most so many octets."""
    kind = request.headers.get("Content-Type", "")
    if kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        return _first(_encoded(await request.read(most)))
    boundary = _BOUNDARY.fullmatch(kind)
    if boundary is None:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return _first(_parts(await request.read(most), boundary[2].encode()))


def _encoded(body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        found = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="surrogateescape"
        )
    except ValueError:
        raise Refusal(HTTPStatus.BAD_REQUEST) from None
    return ((name, value.encode("utf-8", "surrogateescape")) for name, value in found)


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """A part ends where the next begins: `CRLF --boundary`; the last one is followed by `--`."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) > MOST_FIELDS + 2 or len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Refusal(HTTPStatus.BAD_REQUEST)
    for piece in pieces[1:-1]:
        head, found, content = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not found or name is None:
            raise Refusal(HTTPStatus.BAD_REQUEST)
        yield name[1].decode("ascii"), content


def _first(fields: Iterator[tuple[str, bytes]]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, value in fields:
        found.setdefault(name, value)
    return found
