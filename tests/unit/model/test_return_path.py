"""The return path of opened mail: the token in it, and whose address it is."""

from __future__ import annotations

import pytest

from relay.model import Address
from relay.model.errors import AddressError
from relay.model.return_path import MAX_LOCAL, ReturnPath, new_token

OWN = ("hopital.example", "clinique.example")
WORD = "abcdefghijklmnopqrstuvwx27"
MARTIN = Address("dr.martin@clinique.example")


def test_a_token_is_long_enough_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {26}


def test_the_token_stands_in_the_address_and_is_found_again() -> None:
    path = ReturnPath(OWN, Address("Retour@hopital.example"))
    address = path.for_token(WORD, MARTIN)
    assert address.text == f"retour+{WORD}@hopital.example"
    assert path.token_in(address) == WORD
    assert path.token_in(Address(address.text.upper())) == WORD


def test_without_an_address_it_is_the_postmaster_of_the_recipients_domain() -> None:
    path = ReturnPath(OWN)
    assert path.for_token(WORD, MARTIN).text == f"postmaster+{WORD}@clinique.example"
    assert path.for_token(WORD, Address("x@elsewhere.example")).text == f"postmaster+{WORD}@clinique.example"
    assert path.token_in(Address(f"postmaster+{WORD}@hopital.example")) == WORD


@pytest.mark.parametrize(
    "text",
    [
        "retour@hopital.example",
        f"retour+{WORD}@elsewhere.example",
        f"other+{WORD}@hopital.example",
        f"retour+{WORD}x@hopital.example",
        f"retour+{WORD[1:]}@hopital.example",
        f"retour+{WORD[1:]}0@hopital.example",
        f"retour{WORD}@hopital.example",
        f"retour+{WORD}",
        "postmaster@hopital.example",
    ],
)
def test_other_addresses_have_no_token(text: str) -> None:
    assert ReturnPath(OWN, Address("retour@hopital.example")).token_in(Address(text)) is None


@pytest.mark.parametrize("local", ["a+b", "é", "a" * (MAX_LOCAL + 1), '"a b"'])
def test_a_local_part_that_cannot_take_a_token_is_refused(local: str) -> None:
    with pytest.raises(AddressError):
        ReturnPath(OWN, Address(f"{local}@hopital.example"))


def test_the_longest_address_has_a_local_part_of_64_octets() -> None:
    path = ReturnPath(OWN, Address(f"{'a' * MAX_LOCAL}@hopital.example"))
    assert len(path.for_token(new_token(), MARTIN).local) == 64
