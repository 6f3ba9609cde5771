"""The protocol between the relay and the public web service: paths and fields of HTTP, over a unix socket or TLS.

    GET    /counts/KIND                  how many objects there are, a number
    GET    /objects/KIND?after=ID        a page of the objects, sorted by id (JSON)
    PUT    /objects/KIND/ID              keep an object, in place of an earlier one
    POST   /objects/KIND/ID              change it: `Active: 1`, or another `Expires-At`
    DELETE /objects/KIND/ID              remove it
    GET    /events?after=NUMBER          what visitors did, oldest first (JSON)
    GET    /events/NUMBER                its octets
    DELETE /events/NUMBER                the relay has it

Both ends parse what the other sends with the functions here; they raise `ValueError` for what does not belong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from relay.model.public import EventKind, ObjectFacts, ObjectKind, PublicEvent, PublicObject

ACTIVE = "Active"
EXPIRES = "Expires-At"
PROOF = "Proof"
NEVER = "never"
PAGE = 1000
"""Items of one answer; fewer: there are no more."""
LARGEST_PAGE = 2 << 20
"""The most octets that one answer with items may have."""


def object_path(kind: ObjectKind, name: str = "") -> str:
    """The path of one object, or of all of a kind."""
    return f"/objects/{kind.value}/{name}" if name else f"/objects/{kind.value}"


def count_path(kind: ObjectKind) -> str:
    """The path that answers how many of a kind there are."""
    return f"/counts/{kind.value}"


def read_count(octets: bytes) -> int:
    """The number of `/counts/KIND`."""
    return int(octets)


def object_fields(one: PublicObject) -> dict[str, str]:
    """The fields that are sent with an object's octets."""
    proof = {PROOF: one.proof.hex()} if one.proof else {}
    return {ACTIVE: str(int(one.active)), **expires_field(one.expires), **proof}


def expires_field(expires: int | None) -> dict[str, str]:
    """The field that says when an object ends."""
    return {EXPIRES: NEVER if expires is None else str(expires)}


def read_object(kind: str, name: str, fields: Mapping[str, str], octets: bytes) -> PublicObject:
    """Make an object of its octets and of the fields that `object_fields` wrote. Raises `ValueError`."""
    return PublicObject(
        kind=ObjectKind(kind),
        id=name,
        octets=octets,
        expires=read_expires(fields[EXPIRES]) if EXPIRES in fields else None,
        active=fields.get(ACTIVE, "1") == "1",
        proof=bytes.fromhex(fields.get(PROOF, "")),
    )


def read_expires(text: str) -> int | None:
    """Read the field of `expires_field`: seconds since the epoch, or None for never. Raises `ValueError`."""
    return None if text == NEVER else int(text)


def page(items: Sequence[ObjectFacts] | Sequence[PublicEvent]) -> bytes:
    """A page of JSON."""
    return json.dumps([asdict(item) for item in items]).encode()


def read_objects(octets: bytes) -> list[ObjectFacts]:
    """A page of objects."""
    return [
        ObjectFacts(
            id=_text(item["id"]),
            digest=_text(item["digest"]),
            size=_number(item["size"]),
            expires=None if item["expires"] is None else _number(item["expires"]),
            active=bool(item["active"]),
        )
        for item in _items(octets)
    ]


def read_events(octets: bytes) -> list[PublicEvent]:
    """A page of events."""
    return [
        PublicEvent(
            number=_number(item["number"]),
            kind=EventKind(item["kind"]),
            about=_text(item["about"]),
            time=_number(item["time"]),
            size=_number(item["size"]),
        )
        for item in _items(octets)
    ]


def _items(octets: bytes) -> list[Mapping[str, Any]]:
    try:
        items = json.loads(octets)
    except RecursionError:
        raise ValueError("a page is not nested") from None
    if not isinstance(items, list) or len(items) > PAGE or not all(isinstance(item, dict) for item in items):
        raise ValueError("a page is a list")
    return [_Fields(item) for item in items]


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> Any:  # noqa: ANN401  as dict has it
        raise ValueError(f"{key} is missing")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("has to be text")  # noqa: TRY004  one error for all that does not belong
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError("has to be a number")
    return value
