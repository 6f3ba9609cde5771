"""Whether octets can be ciphertext: what has the frame of an encrypted message may hold text as it is.

Ciphertext is as good as random: three octets in eight are printable or NUL. Text, in UTF-8, UTF-16 or base64, is
nearly all of that. Compressed text cannot be told from ciphertext, by anybody. Raises nothing; linear.
"""

from __future__ import annotations

WINDOW = 1024
SHORTEST = 64
"""Fewer octets say nothing: of 64 random ones, 48 are printable once in a thousand million times."""
_TEXT = bytes([0, 9, 10, 13, *range(32, 127)])


def is_opaque(data: bytes | memoryview) -> bool:
    """Whether no stretch of it is text."""
    octets = bytes(data)
    starts = range(0, max(1, len(octets) - SHORTEST), WINDOW)
    return not any(_is_text(octets[start : start + WINDOW + SHORTEST]) for start in starts)


def _is_text(window: bytes) -> bool:
    return len(window) >= SHORTEST and len(window.translate(None, _TEXT)) * 4 <= len(window)
