"""Values between our equals: what is sent comes, and a document that the other end has is not sent."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import pytest

from relay.process.ipc import Frame
from relay.process.pickled import LONG, packed, unpacked

DOCUMENT = b"d" * (3 * LONG)


@dataclass(frozen=True)
class Mail:
    content: bytes
    others: tuple[bytes, ...]


def test_long_octets_travel_beside_and_a_held_document_not_at_all() -> None:
    mail = Mail(DOCUMENT, (b"short", b"e" * LONG))
    whole = packed(mail)
    assert whole[1:] == [DOCUMENT, mail.others[1]]
    assert len(whole[0]) < 1000
    assert unpacked(Frame({}, tuple(whole))) == mail

    named = packed(mail, held=DOCUMENT)
    assert named[1:] == [mail.others[1]]
    assert unpacked(Frame({}, tuple(named)), held=DOCUMENT) == mail


def test_octets_that_only_equal_the_document_are_sent() -> None:
    twin = bytes(bytearray(DOCUMENT))
    assert packed(twin, held=DOCUMENT)[1:] == [twin]


def test_a_document_that_is_not_held_is_missed() -> None:
    with pytest.raises(pickle.UnpicklingError):
        unpacked(Frame({}, tuple(packed(DOCUMENT, held=DOCUMENT))))
