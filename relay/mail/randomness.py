"""Whether octets, or base64 digits, can be ciphertext: no stretch of them is more likely text than random.

The measure is `relay.mail.likelihood`. Random data of any size fails it less often than once in a thousand million
mails. Few octets are measured as a whole and in every stretch of 64; more are first counted for how many different
octets 128 of them have, taken one by one and in every second place, and measured where those are few. Text that is
compressed, or scattered among random octets in shorter pieces, cannot be told. Raises nothing; linear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from relay.mail import likelihood

LIMIT = 32.0
"""Bits of evidence for text. Chance gives more of them once in 2^32 stretches at most."""
FEW = 1_024
_COUNTED = 128
_EVERY = bytes(range(256))


class _Measure(NamedTuple):
    """How symbols are measured."""

    bits: Callable[[bytes], float]
    stretch: int
    """Symbols that are measured together."""
    usual: int
    """Of 128 random symbols fewer than this many are different in one stretch of ten thousand."""
    steps: tuple[int, ...]


_OCTETS = _Measure(likelihood.bits, 64, 86, (1, 2))
_DIGITS = _Measure(likelihood.digit_bits, 64, 44, (1,))


def is_random(octets: bytes) -> bool:
    """Whether nothing in these octets is text."""
    return _passes(octets, _OCTETS)


def are_random_digits(digits: bytes) -> bool:
    """Whether nothing in these base64 digits (without padding and line ends) is words."""
    return _passes(digits, _DIGITS)


def _passes(symbols: bytes, measure: _Measure) -> bool:
    found = _stretches(symbols, measure.stretch) if len(symbols) <= FEW else _suspicious(symbols, measure)
    return all(measure.bits(stretch) < LIMIT for stretch in found)


def _stretches(symbols: bytes, length: int) -> Iterator[bytes]:
    """The whole, and each stretch of that length, half of it in the next."""
    yield symbols
    if len(symbols) > length:
        last = len(symbols) - length
        for at in chain(range(0, last, length // 2), [last]):
            yield symbols[at : at + length]


def _suspicious(symbols: bytes, measure: _Measure) -> Iterator[bytes]:
    """The stretches of windows that hold few different symbols."""
    missing = len(_EVERY) - measure.usual
    for step in measure.steps:
        size = _COUNTED * step
        last = len(symbols) - size
        for at in chain.from_iterable(range(first, last, size) for first in range(step)):
            if len(_EVERY.translate(None, symbols[at : at + size : step])) > missing:
                yield from _stretches(symbols[at : at + size], measure.stretch)
        yield from _stretches(symbols[last:], measure.stretch)
