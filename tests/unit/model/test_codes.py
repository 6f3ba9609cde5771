"""Codes that people read out and type."""

from __future__ import annotations

import math
import re
from itertools import combinations

import pytest

from relay.model import codes
from relay.model.codes import Language

LANGUAGES: tuple[Language, ...] = ("en", "fr")
CODE = "abeille-moulin-tomate-girafe-violon-tulipe"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_has_sixty_bits_in_words_that_everybody_can_type(language: Language) -> None:
    words = codes.words(language)
    code = codes.new(language)

    assert codes.WORDS * math.log2(len(set(words))) >= 60
    assert re.fullmatch(r"[a-z]+(-[a-z]+){5}", code)
    assert set(code.split("-")) <= set(words)
    assert codes.new(language) != code


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_words_differ_by_one_letter(language: Language) -> None:
    without = {(word[:at], word[at + 1 :], len(word)) for word in codes.words(language) for at in range(len(word))}
    assert len(without) == sum(map(len, codes.words(language)))
    assert not {a for a, b in combinations(sorted(codes.words(language)), 2) if a + "s" == b}


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.upper(),
        CODE.replace("-", " "),
        "  Abeille \u2013 moulin,tomate\u00a0girafe\u2011violon - tulipe. ",
        "abéïlle-mòulin-tomate-gîrafe-violon-tulipe\n",
    ],
)
def test_what_is_typed_in_any_way_is_the_code(typed: str) -> None:
    assert codes.normalised(typed) == CODE


@pytest.mark.parametrize(
    "text",
    [
        f"Le code est {CODE}.",
        f"> {CODE.upper()}",
        "> abeille-moulin-tomate-\r\n> girafe-violon-tulipe\r\n",
        CODE.replace("-", "\u2013"),
        f"avant-{CODE}-apres",
        f"<b>{CODE}</b>",
    ],
)
def test_a_code_is_recognised_however_it_is_quoted(text: str) -> None:
    assert codes.quoted_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abeille-moulin-tomate-girafe-violon",
        "abeille moulin tomate girafe violon tulipe",
        "- pomme\n- poire\n- banane\n- orange\n- citron\n- cerise\n",
        "lundi-mardi-mercredi-jeudi-vendredi-samedi-dimanche",
        "nord-sud-est-ouest, c'est-à-dire, vis-à-vis, rendez-vous",
        "abeille-moulin-tomate-girafe-violon-zzzzzz",
        "banana-abeille-window-girafe-kettle-tulipe",
        "a-" * 10_000,
        "abeille-" * 5 + "x" * 20,
    ],
)
def test_ordinary_text_is_no_code(text: str) -> None:
    assert not codes.quoted_in(text)
