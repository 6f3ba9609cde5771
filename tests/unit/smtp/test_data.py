"""The content on the wire, against a plain reference and every cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.smtp.data import SLICE, Body, stuffed, unstuff

LIMIT = 1 << 20
PIECES = st.sampled_from(
    [b"\r\n", b".", b"\r", b"\n", b"a", b"..", b"\r\n.\r\n", b"\r\n..\r\n", b"\n.\r\n", b"\x00", b"\xff"]
)
WIRE = st.lists(PIECES, max_size=40).map(b"".join)


def read(pieces: Sequence[bytes], limit: int = LIMIT) -> tuple[bytes | None, bytes]:
    """Feed the pieces; the content and all that follows it."""
    body = Body(limit)
    for at, piece in enumerate(pieces):
        rest = body.feed(piece)
        if rest is not None:
            return body.content(), rest + b"".join(pieces[at + 1 :])
    raise EOFError


def reference(wire: bytes) -> tuple[bytes, bytes]:
    """RFC 5321 section 4.5.2 word by word: line after line, each ending with CRLF."""
    content = b""
    while True:
        line, end, wire = wire.partition(b"\r\n")
        if not end:
            raise EOFError
        if line == b".":
            return content, wire
        content += line.removeprefix(b".") + end


def cut(wire: bytes, cuts: Sequence[int]) -> list[bytes]:
    marks = sorted({0, len(wire), *(c % (len(wire) + 1) for c in cuts)})
    return [wire[a:b] for a, b in pairwise(marks)]


@given(WIRE, st.lists(st.integers(0, 400), max_size=12))
@example(b".\r\nQUIT\r\n", [1, 2])
@example(b"\r\n.\r\n", [1, 2, 3, 4])
def test_any_cut_reads_as_the_plain_reference(wire: bytes, cuts: list[int]) -> None:
    try:
        expected = reference(wire)
    except EOFError:
        with pytest.raises(EOFError):
            read(cut(wire, cuts))
    else:
        assert read(cut(wire, cuts)) == expected


@given(WIRE)
def test_one_octet_at_a_time_reads_the_same(wire: bytes) -> None:
    wire += b"\r\n.\r\nrest"
    assert read([bytes([octet]) for octet in wire]) == reference(wire)


@given(st.lists(PIECES, max_size=40).map(b"".join).filter(lambda c: b"\r\r" not in c))
def test_what_is_stuffed_is_read_back(content: bytes) -> None:
    whole = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert read([bytes(piece) for piece in stuffed(content)]) == (whole, b"")


@pytest.mark.parametrize("shift", range(-5, 6))
@pytest.mark.parametrize("around", [b"\r\n.\r\n", b"\r\n..", b"\r\n.a", b"\r\n"])
def test_a_dot_where_slices_meet_is_stuffed_once(around: bytes, shift: int) -> None:
    content = (b"x" * (SLICE + shift) + around + b"y" * 10).ljust(SLICE * 3 // 2, b"z") + b"\r\n"
    wire = b"".join(stuffed(content))
    assert wire == b".".join([content.replace(b"\r\n.", b"\r\n.."), b"\r\n"])
    assert read([wire]) == (content, b"")


@pytest.mark.parametrize(
    "smuggled", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n\r\n..\r\n"]
)
def test_only_crlf_dot_crlf_ends_the_content(smuggled: bytes) -> None:
    wire = b"a" + smuggled + b"MAIL FROM:<evil@x>\r\n"
    content, rest = read([wire + b".\r\nQUIT\r\n"])
    assert content == wire.replace(b"\r\n.", b"\r\n")
    assert rest == b"QUIT\r\n"


def test_the_final_dot_at_the_very_start_is_the_empty_message() -> None:
    assert read([b".\r\n"]) == (b"", b"")
    assert read([b".", b"\r", b"\nRSET\r\n"]) == (b"", b"RSET\r\n")


def test_commands_behind_the_final_dot_are_given_back() -> None:
    assert read([b"a\r\n.\r\nMAIL FROM:<>\r\nRCPT", b" TO:<a@b>\r\n"]) == (
        b"a\r\n",
        b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n",
    )


def test_the_limit_counts_octets_without_stuffed_dots() -> None:
    content = b".\r\n" * 100
    wire = b"..\r\n" * 100 + b".\r\n"
    assert read([wire], limit=len(content)) == (content, b"")
    assert read([wire], limit=len(content) - 1) == (None, b"")


def test_a_message_too_large_is_read_to_its_end_and_held_by_nobody() -> None:
    body = Body(1000)
    for _ in range(500):
        assert body.feed(b"x" * 998 + b"\r\n") is None
        assert len(body) < 3000
    assert body.feed(b".\r\nQUIT\r\n") == b"QUIT\r\n"
    assert body.content() is None


def test_unstuffing_what_has_no_dots_copies_nothing() -> None:
    wire = b"no dots here\r\n"
    assert unstuff(wire) is wire


def test_content_without_a_last_crlf_gets_one() -> None:
    assert b"".join(stuffed(b"a")) == b"a\r\n.\r\n"
    assert b"".join(stuffed(b"")) == b".\r\n"
