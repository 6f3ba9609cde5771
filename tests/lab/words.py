"""Many words, and which of them stand in octets: what that takes depends on the octets, hardly on how many words.

A word of `SHORTEST` octets or more, wherever it begins, has `_PIECE` octets in a row that begin at a multiple of
`_STEP`: only those are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator

SHORTEST = 12
_STEP = 4
_PIECE = SHORTEST - _STEP + 1


class Words:
    """Grows, and finds."""

    def __init__(self) -> None:
        self._places: dict[bytes, set[tuple[bytes, int]]] = {}
        """A piece, and of which words it is, where in them."""

    def add(self, word: bytes) -> None:
        """Raises `ValueError` for one that is too short to be found."""
        if len(word) < SHORTEST:
            raise ValueError(f"a word of {len(word)} octets would not be found")
        for offset in range(_STEP):
            self._places.setdefault(word[offset : offset + _PIECE], set()).add((word, offset))

    def found_in(self, data: bytes) -> set[bytes]:
        """Those that stand there."""
        return set(self._found_in(data))

    def _found_in(self, data: bytes) -> Iterator[bytes]:
        places = self._places
        for at in range(0, len(data) - _PIECE + 1, _STEP):
            piece = data[at : at + _PIECE]
            if piece in places:
                yield from (
                    word for word, offset in places[piece] if at >= offset and data.startswith(word, at - offset)
                )
