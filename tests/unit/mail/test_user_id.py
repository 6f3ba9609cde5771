from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import user_id


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Bob Babbage <bob@openpgp.example>", "bob@openpgp.example"),
        ("bob@openpgp.example", "bob@openpgp.example"),
        ("<bob@openpgp.example>", "bob@openpgp.example"),
        ("  <bob@openpgp.example>  ", "bob@openpgp.example"),
        ("Bob (work) <Bob@OpenPGP.Example>", "bob@openpgp.example"),
        ('"Babbage, Bob" <bob@openpgp.example>', "bob@openpgp.example"),
        ('"Bob <at home>" <bob@openpgp.example>', "bob@openpgp.example"),
        ("old@openpgp.example <bob@openpgp.example>", "bob@openpgp.example"),
        ("<bob@openpgp.example> (work)", "bob@openpgp.example"),
        ('Bob <"bob b"@openpgp.example>', "bob b@openpgp.example"),
        ("Őry Máté <mate@exämple.org>", "mate@xn--exmple-cua.org"),
        ("Bob", None),
        ("Bob bob@openpgp.example", None),
        ("Bob <bob>", None),
        ("Bob <>", None),
        ("<", None),
        ("", None),
        ("Bob <bob@>", None),
        ("Bob <a b@openpgp.example>", None),
    ],
)
def test_the_address_in_a_user_id(text: str, key: str | None) -> None:
    found = user_id.address(text)
    assert (found and found.key) == key


def test_latin_1_is_read_where_it_is_no_utf_8() -> None:
    assert user_id.decode("Álvarez <r@x.example>".encode("latin-1")) == "Álvarez <r@x.example>"
    assert user_id.decode("Álvarez".encode()) == "Álvarez"


@given(st.binary(max_size=200))
def test_no_octets_make_it_fail(octets: bytes) -> None:
    user_id.address(user_id.decode(octets))
