"""Where a browser may break a long address: after its @ and its dots, and not in the middle of a word."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

SHORT = 19
"""Characters that fit beside the name of their column on a page of 320 pixels. Words up to this length stay whole."""
_BEHIND = re.compile(r"(?<=[@.])(?=[^\s@.])")


def breakable(text: str) -> Markup:
    """The text, with places where its longer words may be broken."""
    return Markup(" ").join(map(_word, text.split(" ")))


def _word(word: str) -> Markup:
    parts = _BEHIND.split(word) if len(word) > SHORT else [word]
    return Markup("<wbr>").join(map(escape, parts))
