"""Base64 as programs write it: lines of one length, of which the last may be shorter, and nothing between the digits.

Decoders pass over blanks and line ends, so that a sentence can be base64; one word after the other in lines of its own
is no ciphertext. `in_full_lines` looks at the lines, `words_in` at the digits themselves. Neither copies all of
the text; both are linear. Raises nothing.
"""

from __future__ import annotations

import re

from relay.mail import line_ends
from relay.mail.randomness import are_random_digits

SHORTEST_LINE = 32
_WINDOW = 1 << 20
_TAIL = 1_000
_LINE_ENDS = re.compile(rb"[\r\n]*")
_NO_DIGITS = b"\r\n="
_BLANKS = (b" ", b"\t")
_ZEROS = b"A" * 9
"""Eight octets of zero: the key id of a hidden recipient (RFC 9580 section 5.1.8), which may come again and again."""


def in_full_lines(text: bytes, start: int = 0, end: int | None = None) -> bool:
    """Whether `text[start:end]` is in such lines; empty lines around it do not count."""
    start, end = _without_empty_lines(text, start, len(text) if end is None else end)
    if any(text.find(blank, start, end) >= 0 for blank in _BLANKS):
        return False
    first = text.find(b"\n", start, end)
    if first < 0:
        return text.find(b"\r", start, end) < 0
    line_end = b"\r\n" if text[first - 1 : first] == b"\r" else b"\n"
    width = first + 1 - len(line_end) - start
    every = [text[start + width + at : end : width + len(line_end)] for at in range(len(line_end))]
    lines = len(every[-1])
    aligned = all(octets == bytes([octet]) * lines for octets, octet in zip(every, line_end, strict=True))
    return width >= SHORTEST_LINE and aligned and line_ends.octets(text, start, end) == lines * len(line_end)


def words_in(text: bytes, start: int = 0, end: int | None = None) -> bool:
    """Whether the digits of `text[start:end]` read like words; zeros do not count as repeated digits."""
    end = len(text) if end is None else end
    windows = (text[at : min(at + _WINDOW, end)].translate(None, _NO_DIGITS) for at in range(start, end, _WINDOW))
    return not all(are_random_digits(digits.replace(_ZEROS, b"")) for digits in windows)


def _without_empty_lines(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Of those behind it, no more than `_TAIL` octets are left out."""
    leading = _LINE_ENDS.match(text, start, end)
    start = leading.end() if leading else start
    tail = max(start, end - _TAIL)
    return start, tail + len(text[tail:end].rstrip(b"\r\n"))
