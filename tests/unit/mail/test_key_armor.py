"""Armor around keys, as people send it: what GnuPG reads, we read."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.armors import KIND, lines, text, variants

from relay.mail.armor import Block
from relay.mail.key_armor import dearmor, is_armored

SIZES = range(200, 203)
"""With each padding there is."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", variants(bytes(200)))
def test_what_people_do_to_armor_costs_no_octet(name: str, size: int) -> None:
    data = bytes(n * 7 % 251 for n in range(size))
    varied = variants(data)[name]
    assert is_armored(varied)
    assert dearmor(varied) == [Block(KIND, data)]


@given(st.binary(max_size=600), st.sampled_from(sorted(variants(bytes(200)))))
def test_whatever_the_octets(data: bytes, name: str) -> None:
    data = data.ljust(60, b"k")
    assert dearmor(variants(data)[name]) == [Block(KIND, data)]


def test_blocks_follow_each_other_also_where_the_last_line_is_missing() -> None:
    begin, body, checksum, end = lines(bytes(200))
    assert dearmor(text(begin, b"", *body, begin, *body, checksum, end) * 2) == [Block(KIND, bytes(200))] * 4


@pytest.mark.parametrize("size", SIZES)
def test_four_letters_at_the_end_that_are_no_checksum_are_data(size: int) -> None:
    data = bytes(size // 3 * 3) + base64.b64decode(b"hurz")
    assert dearmor(
        text(b"-----BEGIN PGP X-----", b"", base64.b64encode(data)[:-4], b"hurz", b"-----END PGP X-----")
    ) == [Block("X", data)]


@pytest.mark.parametrize("nothing", [b"", b"hello", b"key: -----BEGIN PGP PUBLIC KEY BLOCK-----\nAAAA\n"])
def test_where_no_line_begins_a_block_there_is_none(nothing: bytes) -> None:
    assert not is_armored(nothing)
    assert dearmor(nothing) == []


@given(st.binary(max_size=300))
def test_nothing_is_raised_whatever_stands_in_it(noise: bytes) -> None:
    begin, body, checksum, end = lines(bytes(200))
    for place in range(5):
        parts = [begin, b"", *body, checksum, end]
        parts.insert(place, noise)
        assert all(isinstance(block, Block) for block in dearmor(text(*parts)))


def test_the_cost_is_linear() -> None:
    assert dearmor(b"-----BEGIN PGP " * 200_000) == []
    begin, body, checksum, end = lines(bytes(200))
    assert len(dearmor(text(begin, b"", *body, checksum, end) * 5000)) == 5000
    assert len(dearmor(begin + b"\n" + b"a:b\n" * 500_000)) == 1
