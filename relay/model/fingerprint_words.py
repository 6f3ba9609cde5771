"""A fingerprint as people compare it: in groups of digits, and in words by telephone.

Words are those that codes are made of: one of 1024 for each ten bits. They have no accents, and no two sound or look
alike. The digits and the words say the same.
"""

from __future__ import annotations

from relay.model import codes

_WORDS_A_LINE = 8
_DIGITS_A_GROUP = 4
"""As other programs show fingerprints."""


def groups(fingerprint: str) -> list[str]:
    """Its digits in groups."""
    return [fingerprint[at : at + _DIGITS_A_GROUP] for at in range(0, len(fingerprint), _DIGITS_A_GROUP)]


def words(fingerprint: str, language: codes.Language) -> list[str]:
    """Lines of words; zeros fill the last one up."""
    known = codes.words(language)
    bits = len(fingerprint) * 4
    count = -(-bits // codes.BITS_A_WORD)
    number = int(fingerprint, 16) << count * codes.BITS_A_WORD - bits
    places = [number >> at * codes.BITS_A_WORD & len(known) - 1 for at in reversed(range(count))]
    spoken = [known[place] for place in places]
    return [" ".join(spoken[at : at + _WORDS_A_LINE]) for at in range(0, count, _WORDS_A_LINE)]
