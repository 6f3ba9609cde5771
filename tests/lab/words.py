"""Many words, and which of them stand in octets: what that takes depends on the octets, hardly on how many words.

A word of `SHORTEST` octets or more, wherever it begins, has `_PIECE` octets in a row that begin at a multiple of
`_STEP`: only those are looked up, as numbers of 64 bits, of which Python reads an array without a step of its own.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

SHORTEST = 12
_STEP = 4
_PIECE = 8
"""Octets; at most `SHORTEST - _STEP + 1`."""


class Words:
    """Grows, and finds."""

    def __init__(self) -> None:
        self._places: dict[int, set[tuple[bytes, int]]] = {}
        """A piece, and of which words it is, where in them."""

    def add(self, word: bytes) -> None:
        """Raises `ValueError` for one that is too short to be found."""
        if len(word) < SHORTEST:
            raise ValueError(f"a word of {len(word)} octets would not be found")
        for offset in range(_STEP):
            piece = int.from_bytes(word[offset : offset + _PIECE], sys.byteorder)
            self._places.setdefault(piece, set()).add((word, offset))

    def found_in(self, data: bytes) -> set[bytes]:
        """Those that stand there."""
        return {word for first in range(0, _PIECE, _STEP) for word in self._found_from(first, data)}

    def _found_from(self, first: int, data: bytes) -> Iterator[bytes]:
        """By the pieces that begin here and at each `_PIECE` octets behind it."""
        places, end = self._places, len(data) - (len(data) - first) % _PIECE
        pieces = array("Q", data[first:end])
        if places.keys().isdisjoint(pieces):
            return
        for at, piece in zip(range(first, end, _PIECE), pieces, strict=True):
            for word, offset in places.get(piece, ()):
                if at >= offset and data.startswith(word, at - offset):
                    yield word
