"""A text of a message as rules compare it: as a reader sees it, without case and accents.

`fold` maps compatibility forms (Unicode's form KD: full-width letters, ligatures), drops accents, controls and what
Unicode says is not shown (Default_Ignorable_Code_Point), makes one apostrophe, quote and hyphen of all kinds, and one
blank of each run of white space. The voicing marks of kana stay: they make another letter. Nothing is raised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self

MAX_ELEMENTS = 100
"""Elements of one value, and occurrences of one field, that rules look at."""
MAX_FOLDED = 10_000
"""Characters of one text that are compared, before and after folding: form KD makes eighteen of one."""

_IGNORABLE = (
    "00AD 034F 061C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
    "1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
)
_OTHER_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "\u0131": "i"}
    | dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'")
    | dict.fromkeys("“”«»„″", '"')
)
"""Letters that Unicode does not decompose, as people write them without accents; and the quotes that programs write."""
_OF_THE_LETTER = frozenset({0, 8})
"""Combining classes that are kept: no mark, and the voicing marks of kana; all others are accents and points."""
_VOICED_TWICE = re.compile("([\u3099\u309a])[\u3099\u309a]+")
_COMMENT = re.compile(r"\([^()]*\)")
_MAX_NESTING = 3
_BETWEEN = re.compile(r"[;,]")
_AROUND = " \t\"'"


def _code_points(ranges: str) -> Iterator[int]:
    for one in ranges.split():
        first, _, last = one.partition("-")
        yield from range(int(first, 16), int(last or first, 16) + 1)


DEFAULT_IGNORABLE = frozenset(_code_points(_IGNORABLE))
"""Unicode's DerivedCoreProperties.txt, Default_Ignorable_Code_Point."""


def fold(text: str) -> str:
    """The text as it is compared; one character more than `MAX_FOLDED` says that there are more.

    Character by character: Python's normalisation takes quadratic time over a run of marks.
    """
    read = text[: MAX_FOLDED + 1]
    seen = read.translate({ord(char): _seen(char) for char in set(read)})[: MAX_FOLDED + 1]
    return " ".join(unicodedata.normalize("NFC", _VOICED_TWICE.sub(r"\1", seen)).split())


def _seen(char: str) -> str:
    """What a reader sees of a character, without case and accents; nothing where it is not shown."""
    if ord(char) in DEFAULT_IGNORABLE:
        return ""
    apart = unicodedata.normalize("NFKD", char)
    kept = "".join("-" if unicodedata.category(one) == "Pd" else one for one in apart if _counts(one))
    return unicodedata.normalize("NFC", kept).casefold().translate(_OTHER_LETTERS)


def _counts(char: str) -> bool:
    category = unicodedata.category(char)
    hidden = category in {"Cf", "Me"} or (category == "Cc" and not char.isspace())
    return not hidden and unicodedata.combining(char) in _OF_THE_LETTER


@dataclass(frozen=True, slots=True)
class Text:
    """A subject, or the value of a header field."""

    folded: str = ""
    whole: bool = True
    """There is no more of it than rules look at."""
    elements: frozenset[str] = frozenset()
    """What a field's value says without parameters, comments and quotes, each element of a list by itself."""

    @classmethod
    def of(cls, text: str, *, whole: bool = True) -> Self:
        """A decoded text (RFC 2047)."""
        pieces = _BETWEEN.split(_without_comments(text), MAX_ELEMENTS)
        elements = frozenset(fold(piece).strip(_AROUND) for piece in islice(pieces, MAX_ELEMENTS))
        return replace(cls.joined([text], whole=whole and len(pieces) <= MAX_ELEMENTS), elements=elements - {""})

    @classmethod
    def joined(cls, texts: Iterable[str], *, whole: bool = True) -> Self:
        """Make one text of several, with a blank between them."""
        text = " ".join(texts)
        folded = fold(text)
        return cls(folded, whole and max(len(text), len(folded)) <= MAX_FOLDED)


EMPTY = Text()


def _without_comments(text: str) -> str:
    for _ in range(_MAX_NESTING):
        text = _COMMENT.sub(" ", text)
    return text.partition("(")[0]
