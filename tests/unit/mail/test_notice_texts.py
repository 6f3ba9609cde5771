"""The lab's words are found wherever they stand, and ten thousand of them as quickly as one."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some
from lab.words import SHORTEST, Words

WORDS = some.lists(some.text("abc", min_size=SHORTEST, max_size=SHORTEST + 8).map(str.encode), max_size=20)


@given(WORDS, some.lists(some.text("abc", max_size=9).map(str.encode), max_size=9), some.randoms())
def test_what_is_found_is_what_stands_there(known: list[bytes], between: list[bytes], chance: Random) -> None:
    words = Words()
    for word in known:
        words.add(word)
    pieces = [*known[::2], *between]
    chance.shuffle(pieces)
    data = b"".join(pieces)
    assert words.found_in(data) == {word for word in known if word in data}


@pytest.mark.parametrize("before", range(6))
def test_a_word_is_found_wherever_it_begins(before: int) -> None:
    words = Words()
    words.add(b"twelveoctets")
    assert words.found_in(b"x" * before + b"twelveoctets") == {b"twelveoctets"}
    assert not words.found_in(b"x" * before + b"twelveoctet")


def test_a_word_too_short_to_be_found_is_refused() -> None:
    with pytest.raises(ValueError, match="11 octets"):
        Words().add(b"x" * (SHORTEST - 1))


def test_ten_thousand_words_do_not_make_each_reply_slow() -> None:
    """A client of the tests that read as many replies stood still for seconds, and a mail beside it seemed to wait."""
    few, many = Words(), Words()
    few.add(b"word number 0 of them")
    for number in range(10_000):
        many.add(b"word number %d of them" % number)

    def quickest(words: Words) -> float:
        return min(_seconds(words) for _ in range(20))

    assert quickest(many) < 20 * quickest(few)


def _seconds(words: Words) -> float:
    begun = time.perf_counter()
    for _ in range(50):
        assert not words.found_in(b"250 2.1.5 Recipient ok")
    return time.perf_counter() - begun
