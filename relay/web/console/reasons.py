"""Translates what the relay says of a decision, a key or an act into French. Unknown sentences are shown as they are.

A sentence may have `{}`, which stands for any text. Several sentences are on several lines.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

LONGEST = 1000
"""Characters of a sentence that is looked for with what stands in it for anything."""
_BESIDE = re.compile(r"; it looks encrypted, but |, (?=and (?:nobody|its recipient|it is) )")


def reason(text: str, language: str) -> str:
    """The sentences in the visitor's language."""
    if language == "en":
        return text
    return "\n".join("".join(_translated(part) for part in _split(line)) for line in text.split("\n"))


def _split(text: str) -> list[str]:
    """Split a reason into the reason itself and additions to it, with the words between them."""
    found = _BESIDE.search(text)
    return [text[: found.start()], found.group(), text[found.end() :]] if found else [text]


def _translated(part: str) -> str:
    if part == "; it looks encrypted, but ":
        return "\u202f; il paraît chiffré, mais "
    if part in _sentences() or len(part) > LONGEST:
        return _sentences().get(part, part)
    for pattern, french in _patterns():
        if found := pattern.fullmatch(part):
            return french.format(*map(_translated, found.groups()))
    return part


@cache
def _sentences() -> Mapping[str, str]:
    return tomllib.loads(files("relay.web.console").joinpath("words", "reasons.toml").read_text("utf-8"))


@cache
def _patterns() -> Sequence[tuple[re.Pattern[str], str]]:
    """The sentences with `{}` as patterns, the longest first: it is the most specific."""
    several = sorted((english for english in _sentences() if "{}" in english), key=len, reverse=True)
    return [
        (re.compile("(.+)".join(map(re.escape, english.split("{}"))), re.DOTALL), _sentences()[english])
        for english in several
    ]
