"""A fingerprint in words, to be compared by telephone: one of 1024 words for each ten bits, as codes are made of.

The words have no accents, and no two sound or look alike. The digits and the words say the same.
"""

from __future__ import annotations

from relay.model import codes

_WORDS_A_LINE = 8


def words(fingerprint: str, language: codes.Language) -> list[str]:
    """Lines of words; zeros fill the last one up."""
    known = codes.words(language)
    bits = len(fingerprint) * 4
    count = -(-bits // codes.BITS_A_WORD)
    number = int(fingerprint, 16) << count * codes.BITS_A_WORD - bits
    places = [number >> at * codes.BITS_A_WORD & len(known) - 1 for at in reversed(range(count))]
    spoken = [known[place] for place in places]
    return [" ".join(spoken[at : at + _WORDS_A_LINE]) for at in range(0, count, _WORDS_A_LINE)]
