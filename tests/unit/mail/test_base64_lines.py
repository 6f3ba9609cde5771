"""Base64 is in full lines or it is not, by what the lines are."""

from __future__ import annotations

import base64
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.timed import quickest

from relay.mail.armor import dearmor, enarmor
from relay.mail.base64_lines import SHORTEST_LINE, in_full_lines, words_in
from relay.mail.packets import PKESK, SEIPD, packet

DIGITS = base64.b64encode(Random(20).randbytes(6_000))  # noqa: S311  not for secrets


def lines(width: int, end: bytes, *, count: int = 9, last: int = 5) -> bytes:
    return b"".join(DIGITS[at * width : (at + 1) * width] + end for at in range(count)) + DIGITS[:last]


def are_full(text: bytes) -> bool:
    """The definition, line by line."""
    text = text.strip(b"\r\n")
    first, *others = text.split(b"\r\n" if b"\r\n" in text else b"\n")
    if any(octet in line for line in (first, *others) for octet in b" \t\r\n"):
        return False
    if not others:
        return True
    *full, last = others
    return len(first) >= SHORTEST_LINE and {len(first)} >= set(map(len, full)) and len(last) <= len(first)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("width", [SHORTEST_LINE, 64, 76])
@pytest.mark.parametrize("last", [1, 20, SHORTEST_LINE])
@pytest.mark.parametrize("around", [b"", b"\r\n", b"\n\n"])
def test_lines_of_one_length_are_full(end: bytes, width: int, last: int, around: bytes) -> None:
    assert in_full_lines(around + lines(width, end, last=last) + around)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("octet", [b" ", b"\t", b"\r", b"\n", b"\r\n", b"\n\r"])
@pytest.mark.parametrize("at", [3, 63, 64, 65, 66, 67, 200, 580])
def test_a_blank_or_a_line_end_in_a_line_is_found(end: bytes, octet: bytes, at: int) -> None:
    """Whether it stands beside the digits or in the place of one."""
    text = lines(64, end)
    for spoilt in (text[:at] + octet + text[at:], text[:at] + octet + text[at + 1 :]):
        assert in_full_lines(spoilt) == (spoilt == text)


@given(
    st.integers(SHORTEST_LINE - 1, SHORTEST_LINE + 1),
    st.sampled_from([b"\r\n", b"\n"]),
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 150), st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"x"])), max_size=2),
)
def test_as_defined(width: int, end: bytes, count: int, changes: list[tuple[int, bytes]]) -> None:
    text = lines(width, end, count=count)
    for at, octets in changes:
        text = text[:at] + octets + text[at + 1 :]
    assert in_full_lines(text) == are_full(text)


def test_the_lines_of_a_large_mail_are_looked_at_no_longer_than_they_are_decoded() -> None:
    """It took three to four times as long: each kind of white space was counted for itself."""
    text = enarmor(Random(20).randbytes(12_000_000), "MESSAGE")  # noqa: S311  not for secrets
    start, end = text.index(b"\r\n\r\n"), text.rindex(b"\r\n=")
    assert in_full_lines(text, start, end)
    assert quickest(lambda: in_full_lines(text, start, end)) < 2 * quickest(lambda: dearmor(text))


@pytest.mark.parametrize(("recipients", "seed"), [(1, 161), (2, 161), (3, 15), (4, 15), (6, 4)])
def test_the_zeros_of_hidden_recipients_were_taken_for_text(recipients: int, seed: int) -> None:
    """Up to one message in 200 was. A hidden recipient's key id is eight octets of zero; the rest is random."""
    chance = Random(seed)  # noqa: S311  not for secrets
    keys = [
        packet(PKESK, b"\3" + bytes(8) + b"\x12\1\7\x40" + chance.randbytes(32) + b"\x30" + chance.randbytes(48))
        for _ in range(recipients)
    ]
    message = b"".join([*keys, packet(SEIPD, b"\1" + chance.randbytes(100))])
    assert not words_in(base64.b64encode(message))


def test_words_with_zeros_between_them_are_told() -> None:
    sentence = base64.b64encode(bytes(9)).join([b"ThePatientHasBeenToldOfTheResult"] * 9)
    assert words_in(sentence)
