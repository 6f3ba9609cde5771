"""Identifiers that programs make (boundaries, Content-IDs), told from text that is put in their place.

`text_bits` says how much better words explain the letters of identifiers than chance does (`relay.mail.likelihood`):
letters follow one another as vowels and consonants do, and stand in the case that words have. Numbers do not count, nor
do words that programs put there and the domains of the sender, which the mail's header shows in any case. Hexadecimal
and base64 are decoded and measured as octets. A word or two cannot be told. Raises nothing.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Collection, Iterable
from itertools import pairwise

from relay.mail import likelihood

LIMIT = 16.0
"""Bits of evidence for text in all identifiers of a mail. Chance gives more once in a million mails."""
_RANDOM = 4.0
"""Bits that each identifier may have without being counted."""

_TOKEN = re.compile(r"[A-Za-z0-9]+")
_PIECE = re.compile(r"[0-9]{2,}|(?:[A-Za-z]|[0-9](?![0-9]))+")
"""A number, or letters among which single digits may stand."""
_OF_PROGRAMS = re.compile(
    r"(?:next|mime|layout|sub)?_?part|opengroupware|org|ngmime|apple|boundary|bound|mixed|alternative|related|signed"
    r"|encrypted|message|openpgp|pgp|universal|mime|mail|sig|swift|outlook|prod|mutt|string|unique|simple|inner|outer|alt"
    r"|rel|foo|bar",
    re.IGNORECASE,
)
_HEX = re.compile(r"(?:[0-9a-f]{2}){8,}|(?:[0-9A-F]{2}){8,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_SAFE = str.maketrans("-_", "+/")
_NUMBER = -2.0
"""Bits of a number that stands among letters: random identifiers have more of them."""
_DIGITS = 0.08
"""The share of digits in text."""
_VOWELS = frozenset("aeiouy")
_AFTER = {"": 0.4, "vowel": 0.18, "consonant": 0.62}
"""How often a vowel comes first, after a vowel, after a consonant."""
_SAME_CASE = 0.85


def _shares() -> dict[tuple[str, str], float]:
    letters = {chr(code): weight for code, weight in likelihood.LETTERS.items()}
    vowels = sum(weight for letter, weight in letters.items() if letter in _VOWELS)
    consonants = sum(letters.values()) - vowels
    return {
        (before, letter): share * weight / vowels if letter in _VOWELS else (1 - share) * weight / consonants
        for before, share in _AFTER.items()
        for letter, weight in letters.items()
    }


_SHARE = _shares()


def text_bits(identifiers: Iterable[str], shown: Collection[str] = ()) -> float:
    """Bits of evidence for text in these identifiers; `shown` are words that the mail's header shows, in lower case."""
    distinct = dict.fromkeys(identifiers)
    return sum(max(_words(identifier, shown), _coded(identifier)) for identifier in distinct)


def _words(identifier: str, shown: Collection[str]) -> float:
    """Of the stretch of tokens that is most like text: random ones before and behind it do not hide it."""
    tokens = (token for token in _TOKEN.findall(identifier) if not token.isdigit() and token.lower() not in shown)
    rest = (piece for token in tokens for piece in _PIECE.findall(_OF_PROGRAMS.sub(" ", token)))
    best = stretch = 0.0
    for piece in rest:
        stretch = max(0.0, stretch + (_NUMBER if piece.isdigit() else _token(piece)))
        best = max(best, stretch)
    return max(0.0, best - _RANDOM)


def _token(token: str) -> float:
    """By how many bits a word explains one run of letters and digits better than chance does."""
    lower = token.lower()
    hexadecimal = not lower.strip("0123456789abcdef")
    bits, before = 0.0, ""
    for char in lower:
        share = _DIGITS / 10 if char.isdigit() else (1 - _DIGITS) * (0.97 * _SHARE[before, char] + 0.03 / 26)
        bits += math.log2(share * (16 if hexadecimal else 36))
        before = "" if char.isdigit() else "vowel" if char in _VOWELS else "consonant"
    return bits if hexadecimal or token in {lower, token.upper()} else bits + _case(token)


def _case(token: str) -> float:
    """The same of the case of its letters, of which chance takes either."""
    inside = [two for one, two in pairwise(token) if one.isalpha() and two.isalpha()]
    return sum(1 + math.log2(_SAME_CASE if letter.islower() else 1 - _SAME_CASE) for letter in inside)


def _coded(identifier: str) -> float:
    octets = [binascii.a2b_hex(found) for found in _HEX.findall(identifier)]
    octets += [
        binascii.a2b_base64(found.translate(_SAFE)[: len(found) // 4 * 4]) for found in _BASE64.findall(identifier)
    ]
    return sum(max(0.0, likelihood.written(found) - _RANDOM) for found in octets)
