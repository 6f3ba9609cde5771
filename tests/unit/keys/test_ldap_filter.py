"""Filters are escaped whatever the address is (RFC 4515 section 3)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.keys.ldap.filter import any_of, escape, spellings
from relay.model import Address
from relay.model.errors import AddressError


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("bob.o'brien+tag@example.org", "bob.o'brien+tag@example.org"),
        ("*)(uid=*", r"\2a\29\28uid=\2a"),
        ("a\\b", r"a\5cb"),
        ("nul\0byte", r"nul\00byte"),
        ("é", r"\c3\a9"),
        ("\udcff", r"\ff"),
        ("tab\tlf\n", r"tab\09lf\0a"),
    ],
)
def test_what_could_mean_something_in_a_filter_is_escaped(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@given(st.text())
def test_any_text_comes_back_from_its_escaped_form_and_holds_nothing_special(text: str) -> None:
    octets = text.encode("utf-8", "replace")
    escaped = escape(octets.decode())
    assert not set(escaped) & set("*()\0")
    back = re.sub(rb"\\([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), escaped.encode("ascii"))
    assert back == octets


def test_an_address_of_300_octets_is_escaped_whole() -> None:
    address = Address("*" * 288 + "@example.org")
    assert escape(address.text).count(r"\2a") == 288


def test_a_plain_address_has_one_spelling() -> None:
    assert spellings(Address("Bob@Example.ORG")) == ("Bob@Example.ORG",)


def test_an_international_domain_is_searched_in_both_forms() -> None:
    both = ("bob@exämple.org", "bob@xn--exmple-cua.org")
    assert set(spellings(Address("bob@exämple.org"))) == set(both)
    assert set(spellings(Address("bob@xn--exmple-cua.org"))) == set(both)


def test_a_quoted_local_part_is_searched_with_and_without_its_quotes() -> None:
    assert set(spellings(Address('"*)(uid=*"@example.org'))) == {'"*)(uid=*"@example.org', "*)(uid=*@example.org"}


def test_a_bare_local_part_is_searched_as_it_is() -> None:
    assert spellings(Address("postmaster")) == ("postmaster",)


@given(st.text(min_size=1, max_size=80))
def test_every_address_has_a_spelling(text: str) -> None:
    try:
        address = Address(text)
    except AddressError:
        return
    assert 1 <= len(spellings(address)) <= 3


def test_one_filter_is_itself_and_several_are_joined() -> None:
    assert any_of(("(a=1)",)) == "(a=1)"
    assert any_of(("(a=1)", "(a=2)")) == "(|(a=1)(a=2))"
