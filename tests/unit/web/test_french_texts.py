"""French on the pages, as a hospital prints it: spaces before signs, apostrophes, hyphens."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
WEB = ROOT / "relay" / "web"
WORDS, ENROLMENT = WEB / "console" / "words", WEB / "enrolment" / "texts" / "fr.toml"
STATIC = WEB / "pickup" / "static"
LITERAL = re.compile(r'"([^"\n]*)"|`([^`]*)`')
SPACES = {"${nb}": "\u00a0", "${thin}": "\u202f"}
NO_TEXT = re.compile(r"engine: sequoia|<[^>]*>")
"""A setting, as it is written into the file, and tags."""


def of(file: Path) -> list[str]:
    """All values of a TOML file."""

    def values(table: dict[str, Any]) -> Iterator[str]:
        for value in table.values():
            yield from values(value) if isinstance(value, dict) else [value]

    return list(values(tomllib.loads(file.read_text("utf-8"))))


def of_the_script() -> list[str]:
    french, _ = (STATIC / "texts.js").read_text("utf-8").split("  en: {")
    found = ["".join(literal) for literal in LITERAL.findall(french)]
    return [re.sub(r"\$\{\w+\}", lambda name: SPACES.get(name[0], name[0]), text) for text in found]


def of_the_page() -> list[str]:
    return re.findall(
        r'<section class="paper" lang="fr">(.*?)</section>', (STATIC / "page.html").read_text("utf-8"), re.DOTALL
    )


TEXTS = {
    "console": of(WORDS / "fr.toml"),
    "reasons": of(WORDS / "reasons.toml"),
    "enrolment": of(ENROLMENT),
    "pick-up": of_the_script(),
    "pick-up without JavaScript": of_the_page(),
}
PARTS = pytest.mark.parametrize("part", TEXTS)


def wrong(part: str, pattern: str) -> list[str]:
    texts = [html.unescape(NO_TEXT.sub("", text)) for text in TEXTS[part]]
    return [text for text in texts if re.search(pattern, text)]


@PARTS
def test_french_texts_have_the_spaces_of_french_and_none_that_breaks_before_a_sign(part: str) -> None:
    assert wrong(part, r"[^\u00a0\u202f](?:[;!?»]|:(?=[ ]|$))|«[^\u00a0\u202f]") == []


@PARTS
def test_french_pages_had_the_apostrophe_of_a_typewriter(part: str) -> None:
    assert wrong(part, r"[^\W\d_]'\w") == []


@PARTS
def test_one_title_had_a_hyphen_of_its_own(part: str) -> None:
    """“Envoyez-nous”, with U+2011 in one place and not in the others."""
    assert wrong(part, r"\u2011") == []


def test_every_part_is_found() -> None:
    assert {part: len(texts) for part, texts in TEXTS.items() if len(texts) < 50} == {"pick-up without JavaScript": 1}


def test_a_key_had_an_owner_in_some_texts_and_a_titulaire_in_others() -> None:
    """A hospital says “titulaire” of a key, as of a certificate."""
    files = [ROOT / "README.fr.md", *(ROOT / "docs" / "fr").glob("*.md")]
    files += [file for file in (ROOT / "relay").rglob("*") if file.suffix in {".toml", ".py", ".js", ".html", ".txt"}]
    assert len(files) > 300
    assert [str(file) for file in files if "propriétaire" in file.read_text("utf-8")] == []
