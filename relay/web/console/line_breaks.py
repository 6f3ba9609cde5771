"""Where a long address may go on in the next line: behind its @ and its dots, and not in the middle of a word."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

SHORT = 26
"""Characters that fit beside their name on a page of 360 pixels; what is no longer stays as it is."""
_BEHIND = re.compile(r"(?<=[@.])(?=[^\s@.])")


def breakable(text: str) -> Markup:
    """The text, each of whose longer words may be broken there."""
    return Markup(" ").join(map(_word, text.split(" ")))


def _word(word: str) -> Markup:
    parts = _BEHIND.split(word) if len(word) > SHORT else [word]
    return Markup("<wbr>").join(map(escape, parts))
