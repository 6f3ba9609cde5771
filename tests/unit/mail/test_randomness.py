"""Each model of text is a distribution, so that chance rarely passes for text; and text is told wherever it stands."""

from __future__ import annotations

import base64
import math
from itertools import product
from random import Random

import pytest
from lab.texts import encoded

from relay.mail import likelihood
from relay.mail.randomness import FEW, LIMIT, are_random_digits, is_random


@pytest.mark.parametrize("bits", [*likelihood._TABLES, *likelihood._PAGES, likelihood._FIRST, likelihood._FOLLOWING])
def test_a_table_is_a_distribution(bits: likelihood.Bits) -> None:
    assert sum(2**one for one in bits) / len(bits) == pytest.approx(1)


@pytest.mark.parametrize(("symbols", "size", "prior"), [(2, 8, 0.125), (4, 5, 0.5), (16, 3, 0.125)])
def test_few_symbols_are_a_distribution(symbols: int, size: int, prior: float) -> None:
    """Markov's inequality needs no more than this: b bits are reached at most once in 2^b."""
    shares = [2 ** likelihood.few(octets, symbols, prior) for octets in product(range(symbols), repeat=size)]
    assert math.fsum(shares) / len(shares) == pytest.approx(1)


def test_octets_and_digits_of_every_size_pass_where_they_are_random() -> None:
    chance = Random(12)  # noqa: S311  a fixed seed, not for secrets
    sizes = [*range(FEW + 100), *(chance.randrange(FEW, 200_000) for _ in range(100))]
    noise = [chance.randbytes(size) for size in sizes]
    assert [len(octets) for octets in noise if not is_random(octets)] == []
    digits = (base64.b64encode(octets).rstrip(b"=") for octets in noise)
    assert [len(each) for each in digits if not are_random_digits(each)] == []
    assert max(likelihood.bits(chance.randbytes(64)) for _ in range(2_000)) < LIMIT / 2


@pytest.mark.parametrize("noise", [0, 300, 3_000, 100_000])
def test_text_of_200_octets_is_told_wherever_it_stands(noise: int) -> None:
    chance = Random(13)  # noqa: S311  a fixed seed, not for secrets
    for script, encoding, text in encoded():
        start = chance.randrange(len(text) - 200 + 1) if len(text) > 200 else 0
        at = chance.randrange(noise + 1)
        octets = chance.randbytes(at) + text[start : start + 200] + chance.randbytes(noise - at)
        assert not is_random(octets), (script, encoding, start, at)
