"""An address with a name beside it."""

from __future__ import annotations

import pytest

from relay.model import Address, Mailbox
from relay.model.errors import AddressError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("it@h.example", "pgp-relay"),
        ("Hôpital Exemple, messagerie chiffrée <it@h.example>", "Hôpital Exemple, messagerie chiffrée"),
        ('"Hôpital, messagerie" <it@h.example>', "Hôpital, messagerie"),
        ("IT<it@h.example>", "IT"),
        ("  IT desk  < it@h.example > ", "IT desk"),
    ],
)
def test_what_is_read(text: str, name: str) -> None:
    assert Mailbox.parse(text) == Mailbox(Address("it@h.example"), name)


@pytest.mark.parametrize(
    "text",
    [
        "", "<it@h.example>", '"" <it@h.example>', "a\nBcc: b <it@h.example>", "a\u202eb <it@h.example>",
        f"{'x' * 201} <it@h.example>", 'a "b" <it@h.example>', "a <it@h.example> b", "a <b> <it@h.example>", "a <>",
        "a <it@h.example", "a <it @h.example>",
    ],
)  # fmt: skip
def test_what_is_no_mailbox(text: str) -> None:
    with pytest.raises(AddressError):
        Mailbox.parse(text)
