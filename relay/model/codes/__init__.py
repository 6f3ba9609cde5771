"""Codes that people read out and type: made, normalised, and recognised in a text.

A code is six words of a list of 1024, each drawn by itself: 60 bits. The words have no accents, no two of them sound or
look alike, and weekdays and months are not among them.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import lru_cache
from importlib import resources
from typing import Literal

Language = Literal["en", "fr"]

WORDS = 6
BITS_A_WORD = 10

_CODE = re.compile(r"(?<![a-z])[a-z]{4,8}(?:-[\s>]{0,20}[a-z]{4,8}){5,40}(?![a-z])")
_WORD = re.compile(r"[a-z]+")


def new(language: Language) -> str:
    """A code of words of this language, joined by hyphens."""
    return "-".join(secrets.choice(words(language)) for _ in range(WORDS))


@lru_cache(maxsize=2)
def words(language: Language) -> tuple[str, ...]:
    """The list of this language, in its order."""
    return tuple((resources.files("relay.model.codes") / "words" / f"{language}.txt").read_text("ascii").split())


def normalised(typed: str) -> str:
    """What somebody typed, in any case, with accents, blanks or hyphens, as the code is written."""
    return "-".join(_WORD.findall(_plain(typed)))


def quoted_in(text: str) -> bool:
    """Whether a code stands in the text, perhaps on several lines: six words of one list with hyphens between them."""
    return any(_is_code(_WORD.findall(found[0])) for found in _CODE.finditer(_plain(text)))


def _is_code(found: list[str]) -> bool:
    runs = range(len(found) - WORDS + 1)
    return any(_known(language).issuperset(found[at : at + WORDS]) for language in ("en", "fr") for at in runs)


@lru_cache(maxsize=2)
def _known(language: Language) -> frozenset[str]:
    return frozenset(words(language))


def _plain(text: str) -> str:
    """In lower case, without accents; hyphens of every kind are one."""
    if text.isascii():
        return text.lower()
    dashes = dict.fromkeys(map(ord, "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{MINUS SIGN}"), "-")
    whole = unicodedata.normalize("NFKD", text.translate(dashes | {0xAD: None, 0x200B: None})).lower()
    return "".join(letter for letter in whole if not unicodedata.combining(letter))
