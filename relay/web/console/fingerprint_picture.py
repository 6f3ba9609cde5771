"""Draws a fingerprint as a picture, so that a different one is seen at a glance. To be certain, compare the words.

Nine rows of five cells, mirrored, in two colours that also depend on the fingerprint: 90 bits of its SHA-256 and more.
"""

from __future__ import annotations

import hashlib

ROWS, COLUMNS = 9, 5
_HUES = 24


def picture(fingerprint: str) -> str:
    """Return an SVG. It needs no escaping, and has no text for screen readers: the digits are beside it."""
    number = int.from_bytes(hashlib.sha256(fingerprint.encode()).digest())
    first, number = number % _HUES, number // _HUES
    away, number = 5 + number % (_HUES - 9), number // (_HUES - 9)
    hues = (first * 360 // _HUES, (first + away) * 360 // _HUES)
    cells: list[str] = []
    for place in range(ROWS * COLUMNS):
        kind, number = number % 4, number // 4
        if kind < 2:
            row, column = divmod(place, COLUMNS)
            cells += [_cell(x, row, hues[kind]) for x in sorted({column, 2 * COLUMNS - 2 - column})]
    size = 2 * COLUMNS - 1
    return f'<svg class="print" viewBox="0 0 {size} {ROWS}" aria-hidden="true">{"".join(cells)}</svg>'


def _cell(x: int, y: int, hue: int) -> str:
    return f'<rect x="{x}" y="{y}" width="1" height="1" fill="hsl({hue % 360} 60% 50%)"/>'
