"""Line ends are counted right, whatever stands between two windows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import headers, line_ends
from relay.mail.line_ends import are_crlf, octets

WINDOW = 1 << 16
TEXTS = st.text(alphabet="\r\na", max_size=12).map(str.encode)


@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_octets_are_those_of_the_part(text: bytes, start: int, end: int) -> None:
    assert octets(text, start, min(end, len(text))) == len([one for one in text[start:end] if one in b"\r\n"])


@given(TEXTS)
def test_a_text_in_crlf_has_no_other_line_end(text: bytes) -> None:
    rest = text.replace(b"\r\n", b"")
    assert are_crlf(text) == (b"\r" not in rest and b"\n" not in rest)


@pytest.mark.parametrize("at", range(WINDOW - 3, WINDOW + 3))
@pytest.mark.parametrize("odd", [b"\r", b"\n", b"\n\r", b"\r\r\n", b"\r\n\n"])
def test_a_bare_line_end_between_two_windows_is_found(at: int, odd: bytes) -> None:
    text = b"a" * at + b"%b" + b"b" * (2 * WINDOW)
    assert not headers.faulty(text.replace(b"%b", b"\r\n"))
    assert headers.faulty(text.replace(b"%b", odd))
    assert octets(text.replace(b"%b", odd)) == len(odd)


def test_the_window_is_the_one_that_is_tested_here() -> None:
    assert line_ends._WINDOW == WINDOW
