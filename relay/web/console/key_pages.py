"""Pages about correspondents' keys: find, show, import, bind and approve them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from relay.web.console.visit import Outcome, Visit
from relay.web.http.messages import Answer


async def keys(visit: Visit) -> Answer:
    """The search for keys; htmx requests only the rows while a person types."""
    text = visit.asked("text")
    told = await visit.ask("keys", text=text)
    typed = visit.request.headers.get("HX-Request") == "true"
    return visit.page("keys_found" if typed else "keys", told=told, text=text)


async def take(visit: Visit, form: Mapping[str, bytes]) -> Answer:
    """POST /keys: import a file or pasted text, or only tell what that would do."""
    return await _taken(visit, form, "import")


async def propose(visit: Visit, form: Mapping[str, bytes]) -> Answer:
    """POST /keys: propose the keys of a file or pasted text, or only tell what that would do."""
    return await _taken(visit, form, "propose")


async def _taken(visit: Visit, form: Mapping[str, bytes], act: str) -> Answer:
    octets = form.get("file", b"") or form.get("keys", b"")
    data = base64.b64encode(octets).decode("ascii")
    dry_run = "1" if form.get("try") else ""
    told, fault = await visit.attempt(act, {"data": data, "dry_run": dry_run}, None)
    if fault:
        return await keys(replace(visit, outcome=Outcome(HTTPStatus.BAD_REQUEST, fault)))
    return visit.page("imported", told=told, dry_run=bool(dry_run), act=act)


async def key(visit: Visit) -> Answer:
    """The page of one key in full."""
    told, fault = await visit.attempt("key", {"fingerprint": visit.request.parts["fingerprint"]}, None)
    return visit.page("key", HTTPStatus.NOT_FOUND if fault else HTTPStatus.OK, told=told, fault=fault)


async def bindings(visit: Visit) -> Answer:
    """The bindings: the keys to which all mail to an address or a domain is encrypted."""
    told = await visit.ask("bindings")
    sent = visit.outcome.typed
    chosen = "" if visit.outcome.waits else visit.asked("key")
    typed = sent if sent.get("act") == "bind" else {"fingerprints": chosen}
    return visit.page("bindings", rows=told["rows"], typed=typed)


async def proposals(visit: Visit) -> Answer:
    """The proposed keys, each beside the key that it would replace."""
    told = await visit.ask("proposals")
    return visit.page("proposals", rows=told["rows"])
