"""Languages, colours, tokens and texts of the pages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.web.enrolment.reading import Fault, Remark
from relay.web.enrolment.tokens import HOUR, PageTokens
from relay.web.pages import look
from relay.web.pages.languages import chosen

TEXTS = Path(__file__).parents[3] / "relay" / "web" / "enrolment" / "texts"
FRENCH, ENGLISH = (tomllib.loads((TEXTS / f"{language}.toml").read_text("utf-8")) for language in ("fr", "en"))


def flat(texts: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in texts.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


@pytest.mark.parametrize(
    ("switch", "accepted", "language"),
    [
        ("", "", "fr"),
        ("", "de", "fr"),
        ("", "en", "en"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "fr;q=0.3, en;q=0.8", "en"),
        ("", "en;q=0.3, fr-FR;q=0.8", "fr"),
        ("", "EN", "en"),
        ("", "en;q=0", "fr"),
        ("fr", "en", "fr"),
        ("en", "fr", "en"),
        ("xx", "en", "en"),
        ("../fr", "en", "en"),
        ("", "," * 5000 + "en", "fr"),
        ("", "en;q=9", "fr"),
    ],
)
def test_the_switch_counts_and_then_the_browser(switch: str, accepted: str, language: str) -> None:
    assert chosen(switch, accepted) == language


def test_both_languages_say_the_same_things() -> None:
    french, english = dict(flat(FRENCH)), dict(flat(ENGLISH))

    assert french.keys() == english.keys()
    for key, text in french.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[key])), key
        assert re.findall(r"</?\w+", text) == re.findall(r"</?\w+", english[key]), key
    assert FRENCH["fault"].keys() == {*Fault, "address"}
    assert FRENCH["remark"].keys() == set(Remark)


def test_french_is_set_as_it_is_printed() -> None:
    for key, text in flat(FRENCH):
        words = re.sub(r"<[^>]*>|&\w+;|\S+@\S+|-----[A-Z ]+-----", "", text)
        assert not re.search(r"(?<![\u00a0\u202f])[:;?!»](?=\s|$)|«(?![\u00a0\u202f])", words), key
        assert "'" not in words, key


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ffff00", "#1f5fa8", "#00695c", "#c2185b", "#7f7f7f"])
def test_any_colour_is_readable_on_light_and_dark_paper(colour: str) -> None:
    light, on_light, dark, on_dark = re.findall(r"#[0-9a-f]{6}", look.css(colour).decode())

    for one, other in ((light, "#ffffff"), (light, "#f3f5f6"), (light, on_light), (dark, "#1b2024"), (dark, on_dark)):
        assert look.contrast(look._read(one), look._read(other)) >= 4.5, (one, other)


def test_contrast_is_that_of_wcag() -> None:
    assert look.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert look.contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_pages_token_is_for_what_it_is_about_and_for_some_hours() -> None:
    clock = Clock()
    tokens = PageTokens(clock)
    token = tokens.make(b"one")

    assert tokens.fits(token, b"one")
    assert not tokens.fits(token, b"another")
    assert not tokens.fits("", b"one")
    assert not tokens.fits("é" * 64, b"one")
    assert not PageTokens(clock).fits(token, b"one"), "another process's"
    clock.now += HOUR
    assert tokens.fits(token, b"one")
    clock.now += 3 * HOUR
    assert not tokens.fits(token, b"one")
