"""What one end writes, the other reads the same; what does not belong is a ValueError."""

from __future__ import annotations

import json

import pytest

from relay.channel import protocol
from relay.model.public import EventKind, ObjectFacts, ObjectKind, PublicEvent, PublicObject, checked_id

FACTS = [
    ObjectFacts("hopital.example/hu/abc", "00" * 32, 3, None, active=True),
    ObjectFacts("x", "ff" * 32, 0, 1_800_000_000, active=False),
]
EVENTS = [PublicEvent(3, EventKind.KEY, "dr@ville.example", 1_800_000_000, 9)]


@pytest.mark.parametrize(
    "one",
    [
        PublicObject(ObjectKind.CERTIFICATES, "hopital.example/policy", b""),
        PublicObject(ObjectKind.PICKUP, "a-b_c", b"x" * 9, 1_800_000_000, active=False, proof=b"p" * 32),
    ],
)
def test_an_object_comes_back_as_it_was(one: PublicObject) -> None:
    assert protocol.read_object(one.kind.value, one.id, protocol.object_fields(one), one.octets) == one


def test_pages_come_back_as_they_were() -> None:
    assert protocol.read_objects(protocol.page(FACTS)) == FACTS
    assert protocol.read_events(protocol.page(EVENTS)) == EVENTS


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}",
        b"[1]",
        b"[{}]",
        b"null",
        b"[" * 5000,
        json.dumps([{"number": 1, "kind": "other", "about": "", "time": 1, "size": 1}]).encode(),
        json.dumps([{"number": 1, "kind": "key", "about": 5, "time": 1, "size": 1}]).encode(),
        json.dumps([{"number": None, "kind": "key", "about": "", "time": 1, "size": 1}]).encode(),
        json.dumps([{"number": 1, "kind": "key", "about": "", "time": 1, "size": -1}]).encode(),
        json.dumps([{"number": "x", "kind": "key", "about": "", "time": 1, "size": 1}]).encode(),
        json.dumps([{"number": 1, "kind": "key", "about": "", "time": 1}]).encode(),
    ],
)
def test_what_is_no_page_is_an_error(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        protocol.read_events(octets)


@pytest.mark.parametrize("name", ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a b", "é", "a\n", "a" * 401])
def test_an_id_names_nothing_else(name: str) -> None:
    with pytest.raises(ValueError, match="an id is made of"):
        checked_id(name)


@pytest.mark.parametrize("fields", [{"Expires-At": "soon"}, {"Proof": "zz"}, {"Proof": "00"}])
def test_fields_that_say_nothing_are_an_error(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        protocol.read_object("pickup", "a", fields, b"")
