"""What visitors may ask about a pick-up. A GET changes nothing; whoever opens links by program learns nothing from it.

    GET  /m/ID            the page, the same for every id; 404 where there is nothing (any more)
    GET  /m/ID/message    the ciphertext
    POST /m/ID/opened     `proof=` the token from inside: 204, or 403
    POST /m/ID/answer     ciphertext for the sender, from who has opened it (`Pickup-Proof`): 204, or 403
    GET  /static/…        the page's files

The ciphertext is public to who has the link: its strength is that of the code. Limits are a client's own, so that a
flood of one keeps no other from reading.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs

from relay.mail import packets
from relay.model.errors import OpenPgpError
from relay.model.public import EventKind, ObjectKind
from relay.store.public import PublicStore
from relay.web.http.limits import Limit, Rate, assure_within
from relay.web.http.messages import OCTETS, Answer, Refusal, Request, said
from relay.web.http.routes import Route, route
from relay.web.pickup.files import PAGE, StaticFile

PROOF = "Pickup-Proof"
LARGEST_ANSWER = 30 << 20
"""Octets: 20 MB of files, as base64."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "worker-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        *("require-trusted-types-for 'script'", "trusted-types pickup dompurify"),
    )
)
_POLICY = {"Content-Security-Policy": POLICY, "Vary": "Accept-Encoding"}
_LARGEST_PROOF = 512
_ID = r"(?P<id>[A-Za-z0-9_-]{1,64})"
_FILE = r"/static/(?P<name>[A-Za-z0-9._/-]{1,100})"
_PAGES = Rate(burst=600, each_second=20)
_MESSAGES = Rate(burst=100, each_second=2)
_PROOFS = Rate(burst=60, each_second=0.5)
_ANSWERS = Rate(burst=10, each_second=1 / 60)
"""Of one pick-up."""
_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?:,|;|$)", re.IGNORECASE)


class PickupPages:
    """`routes` of the page."""

    def __init__(self, store: PublicStore, files: Mapping[str, StaticFile]) -> None:
        self._objects = store.objects
        self._events = store.events
        self._files = files
        self._pages, self._messages, self._proofs = Limit(_PAGES), Limit(_MESSAGES), Limit(_PROOFS)
        self._answers = Limit(_ANSWERS)

    @property
    def routes(self) -> list[Route]:
        """The page of a pick-up, its requests, and its files."""
        return [
            route(re.compile(rf"/m/{_ID}"), GET=self._page),
            route(re.compile(rf"/m/{_ID}/message"), GET=self._message),
            route(re.compile(rf"/m/{_ID}/opened"), POST=self._opened),
            route(re.compile(rf"/m/{_ID}/answer"), POST=self._answer),
            route(re.compile(_FILE), GET=self._static),
        ]

    async def _page(self, request: Request) -> Answer:
        _within(self._pages, request.client)
        there = await self._objects.facts(ObjectKind.PICKUP, request.parts["id"])
        return _file(self._files[PAGE], request, HTTPStatus.OK if there else HTTPStatus.NOT_FOUND)

    async def _static(self, request: Request) -> Answer:
        _within(self._pages, request.client)
        found = self._files.get(request.parts["name"])
        if found is None or request.parts["name"] == PAGE:
            return said(HTTPStatus.NOT_FOUND)
        etag = f'"{found.digest[:32]}"'
        kept = {"ETag": etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == etag:
            # Firefox takes the fields of this answer for those of the file that it keeps (RFC 9111 section 3.2).
            return Answer(HTTPStatus.NOT_MODIFIED, headers=kept | _POLICY)
        return _file(found, request, HTTPStatus.OK, kept)

    async def _message(self, request: Request) -> Answer:
        _within(self._messages, request.client)
        facts = await self._objects.facts(ObjectKind.PICKUP, request.parts["id"])
        if facts is None:
            return said(HTTPStatus.NOT_FOUND)
        octets = await request.share(facts.digest, facts.size, partial(self._ciphertext, request.parts["id"]))
        if octets is None:
            return said(HTTPStatus.NOT_FOUND)
        disposition = {"Content-Disposition": 'attachment; filename="message.pgp"'}
        return Answer(HTTPStatus.OK, octets, OCTETS, disposition)

    async def _ciphertext(self, name: str) -> bytes | None:
        found = await self._objects.shown(ObjectKind.PICKUP, name)
        return found.octets if found else None

    async def _opened(self, request: Request) -> Answer:
        _within(self._proofs, request.client)
        form = parse_qs((await request.read(_LARGEST_PROOF)).decode("ascii", "replace"))
        token = form.get("proof", [""])[0]
        await self._prove(request, token)
        await self._events.add(EventKind.OPENED, request.parts["id"], token.encode(), once=True)
        return Answer(HTTPStatus.NO_CONTENT)

    async def _answer(self, request: Request) -> Answer:
        _within(self._proofs, request.client)
        await self._prove(request, request.headers.get(PROOF, ""))
        _within(self._answers, request.parts["id"])
        octets = await request.read(LARGEST_ANSWER)
        if not _is_encrypted(octets):
            return said(HTTPStatus.BAD_REQUEST)
        await self._events.add(EventKind.ANSWER, request.parts["id"], octets)
        return Answer(HTTPStatus.NO_CONTENT)

    async def _prove(self, request: Request, token: str) -> None:
        """Raises `Refusal`: 404 for what is not there, 403 for who has not opened it."""
        proof = await self._objects.proof(ObjectKind.PICKUP, request.parts["id"])
        if proof is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        if not hmac.compare_digest(hashlib.sha256(token.encode("utf-8", "replace")).digest(), proof):
            raise Refusal(HTTPStatus.FORBIDDEN)


def _within(limit: Limit, client: str) -> None:
    if client:
        assure_within(limit, client)


def _file(found: StaticFile, request: Request, status: HTTPStatus, more: Mapping[str, str] | None = None) -> Answer:
    packed = _GZIP.search(request.headers.get("Accept-Encoding", "")) is not None
    headers = {**_POLICY, **(more or {})}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Answer(status, found.packed if packed else found.octets, found.content_type, headers)


def _is_encrypted(octets: bytes) -> bool:
    """Whether it is session keys and one encrypted packet, as the page writes it."""
    try:
        *keys, data = packets.walk(octets, 8)
    except (OpenPgpError, ValueError):
        return False
    return bool(keys) and all(one.tag == packets.PKESK for one in keys) and data.tag == packets.SEIPD
