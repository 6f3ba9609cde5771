"""How much more likely octets are text than random: log-likelihood ratios, in bits.

Each model gives octets a probability as text of some encoding; compared with their probability as random octets that
is a Bayes factor. Markov's inequality bounds false alarms without any assumption: random octets reach b bits under
one model at most once in 2^b, and under the best of n models, of which log2(n) bits are taken off, no more often.

The models: ASCII; Latin letters by their frequency; eight-bit character sets; UTF-8 (RFC 3629); UTF-16 in both byte
orders; and whatever uses few octets, or few high half-octets, again and again, also in every second or fourth place
only (multibyte encodings, base64, hexadecimal, a fixed XOR). Compressed text has no such trait. Raises nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial

LETTERS = dict(
    zip(
        b"etaoinsrhldcumfpgwybvkxjqz",
        (
            12.0,
            9.0,
            8.0,
            7.5,
            7.0,
            7.0,
            6.3,
            6.0,
            6.0,
            4.0,
            4.2,
            2.8,
            2.8,
            2.4,
            2.2,
            1.9,
            2.0,
            2.3,
            2.0,
            1.5,
            1.0,
            0.8,
            0.2,
            0.2,
            0.1,
            0.1,
        ),
        strict=True,
    )
)
"""Letters, and how many of a hundred they are, over English and the Romance languages."""
_ASCII = (9, 10, 13, *range(32, 127))
_NOISE = 0.05
"""The share of octets that text of any kind is allowed to have from outside of its model."""

Bits = Sequence[float]


def _relative(weights: dict[int, float], symbols: int = 256) -> Bits:
    """For each symbol, the bits by which these weights make it likelier than chance."""
    total = sum(weights.values())
    return [math.log2(_NOISE + (1 - _NOISE) * weights.get(symbol, 0) / total * symbols) for symbol in range(symbols)]


def _latin() -> dict[int, float]:
    capitals = {code - 32: share / 10 for code, share in LETTERS.items()}
    others = dict.fromkeys(b".,;:-'/+_=()0123456789\r\n", 0.6) | dict.fromkeys(range(0x80, 0x100), 0.05)
    return dict.fromkeys(_ASCII, 0.02) | LETTERS | capitals | others | {0x20: 20.0, 0xC3: 1.0, 0xA9: 1.0, 0xE9: 1.0}


LATIN = _latin()
"""Weights of octets in Latin text."""
_TABLES = (
    _relative(dict.fromkeys(_ASCII, 1.0)),
    _relative(LATIN),
    _relative(
        dict.fromkeys(range(0xA0, 0x100), 1.0) | dict.fromkeys(range(0x80, 0xA0), 0.3) | dict.fromkeys(_ASCII, 0.12)
    ),
)
_FIRST = _relative(
    dict.fromkeys(_ASCII, 0.4 / len(_ASCII))
    | dict.fromkeys(range(0xC3, 0xE0), 0.3 / 29)
    | dict.fromkeys(range(0xE0, 0xF0), 0.3 / 16)
)
_FOLLOWING = _relative(dict.fromkeys(range(0x80, 0xC0), 1.0))
"""In UTF-8, the first octet of a character, and the others."""
_PAGES = (
    _relative(dict.fromkeys(range(0x4E, 0xA0), 1.0) | {0x30: 6.0, 0xFF: 4.0, 0: 4.0}),
    _relative(dict.fromkeys(range(0x4E, 0xA0), 0.5) | {0x30: 50.0, 0xFF: 4.0, 0: 4.0}),
    _relative(dict.fromkeys(range(0xAC, 0xD8), 1.0) | {0x20: 4.0, 0: 12.0}),
)
"""In UTF-16, the octet that names the block of 256 characters: Chinese, Japanese, Korean."""


def table(bits: Bits, octets: Iterable[int]) -> float:
    """The bits by which a table of single symbols explains the octets."""
    return sum(map(bits.__getitem__, octets))


def _utf_8(octets: bytes) -> float:
    bits, following = 0.0, 0
    for octet in octets:
        if following:
            bits += _FOLLOWING[octet]
            following = following - 1 if 0x80 <= octet < 0xC0 else 0
        else:
            bits += _FIRST[octet]
            following = 0 if octet < 0xC3 else 1 if octet < 0xE0 else 2
    return bits


def _utf_16(octets: bytes) -> float:
    return max(table(pages, octets[at::2]) for pages in _PAGES for at in (0, 1)) - math.log2(2 * len(_PAGES))


@lru_cache(4)
def _gamma(prior: float) -> Callable[[int], float]:
    @lru_cache(4096)
    def ratio(count: int) -> float:
        return (math.lgamma(count + prior) - math.lgamma(prior)) / math.log(2)

    return ratio


def few(octets: Sequence[int], symbols: int, prior: float) -> float:
    """By their own frequencies, of which nothing is known beforehand (Dirichlet prior)."""
    size = len(octets)
    seen = sum(map(_gamma(prior), Counter(octets).values()))
    return seen - _gamma(prior * symbols)(size) + size * math.log2(symbols)


def _few_octets(step: int, octets: bytes) -> float:
    return sum(few(octets[at::step], 256, 0.125) for at in range(step))


_HIGH = bytes(octet >> 4 for octet in range(256))


def _few_halves(step: int, octets: bytes) -> float:
    halves = octets.translate(_HIGH)
    return sum(few(halves[at::step], 16, 0.5) for at in range(step))


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NO_BASE64 = bytes(set(range(256)).difference(_BASE64))
_VALUES = bytes.maketrans(_BASE64, bytes(range(64)))
_WORDS = {value: LATIN[digit] for value, digit in enumerate(_BASE64)}
_DIGITS = (_relative(_WORDS, 64), _relative(_WORDS | {62: 12.0, 63: 12.0}, 64))
"""Words written with the digits of base64, one after the other or with `+` and `/` between them."""

_MODELS: tuple[Callable[[bytes], float], ...] = (
    *(partial(table, bits) for bits in _TABLES),
    _utf_8,
    _utf_16,
    *(partial(_few_octets, step) for step in (1, 2, 4)),
    *(partial(_few_halves, step) for step in (1, 2)),
)


def bits(octets: bytes) -> float:
    """By how many bits the best model explains the octets better than chance."""
    return max(model(octets) for model in _MODELS) - math.log2(len(_MODELS))


def written(octets: bytes) -> float:
    """The same for ASCII, Latin letters and UTF-8 only, which say nothing of octets that repeat."""
    return max(table(_TABLES[0], octets), table(_TABLES[1], octets), _utf_8(octets)) - math.log2(3)


def digit_bits(digits: bytes) -> float:
    """The same of base64 digits: by how many bits words explain them better than chance."""
    values = digits.translate(_VALUES, _NO_BASE64)
    best = max(*(table(bits, values) for bits in _DIGITS), few(values, 64, 0.25))
    return best - math.log2(len(_DIGITS) + 1)
