"""Text from outside, for a log line, a row of the trace or a terminal. Pure."""

from __future__ import annotations


def escaped(text: str) -> str:
    """The text with what is not printable in its place as a number, as Python writes it.

    That is every control character (C0 and C1), line and paragraph separators, characters that change the direction of
    text or that nobody sees, and half surrogate pairs (Unicode's categories Cc, Zl, Zp, Cf, Cs, Co and Cn).
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
