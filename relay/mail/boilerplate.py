"""Texts that programs write around encrypted parts: descriptions, file names, preambles, comments in armor.

Such a text says nothing of its own where each of its words is in `vocabulary.txt`, which holds what programs say there
in English and in the languages that they are translated to, or is one of a few short numbers (of a version or an
RFC). Anything else may be a message: its mail is not taken to be encrypted. Raises nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

MAX_TEXT = 400
MAX_SHORT = 4
"""Numbers, and words of one letter: nothing is spelled."""

_BETWEEN = re.compile(r"""[\s!"#$%&'()*+,/:;<=>?@\[\\\]^_`{|}~«»“”„、。·…\u2013-]+|(?<!\d)\.|\.(?!\d)""")
"""Between two words; any other character belongs to a word. Points stand within a number."""
_LETTER_AND_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_NUMBER = re.compile(r"v?[0-9][0-9.]{0,11}(?:beta|rc|b)?[0-9]{0,2}")


@cache
def vocabulary() -> frozenset[str]:
    """The words, in Unicode's form C and without case."""
    lines = (resources.files("relay.mail") / "vocabulary.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def says_nothing(text: str) -> bool:
    """Whether the text has no words but those of programs."""
    if len(text) > MAX_TEXT:
        return False
    words = [word for word in _BETWEEN.split(unicodedata.normalize("NFC", text).casefold()) if word]
    short = [word for word in words if len(word) == 1 or _NUMBER.fullmatch(word)]
    return len(short) <= MAX_SHORT and all(word in vocabulary() or _NUMBER.fullmatch(word) for word in words)


def names_nothing(name: str) -> bool:
    """The same of a file name, in which a number may follow a word without a blank."""
    pieces = name.casefold().split(".")
    words = (piece if piece in vocabulary() else _LETTER_AND_DIGIT.sub(" ", piece) for piece in pieces)
    return says_nothing(" ".join(words))
