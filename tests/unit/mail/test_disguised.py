"""Text in the place of ciphertext, in ten scripts and six encodings: no mail passes so, and with noise each does."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from lab.disguises import IN_WORDS, PLACES
from lab.texts import TEXTS, encoded, plain_letters

from relay.mail.shape import Protection, shape_of
from relay.model import Doubt

LATIN = [plain_letters(text).encode() for script, text in TEXTS.items() if script.startswith("Latin")]
ROMANISED = [
    b"Patsient Ivan Ivanov rodilsya dvenadtsatogo marta VICH polozhitelnyj s dve tysyachi devyatnadtsatogo goda",
    b"terapiya Biktarvi virusnaya nagruzka ne opredelyaetsya sleduyushchij priem vo vtornik biopsiya plokhaya",
    b"Kanja no Yamada Taro san wa sen kyuhyaku rokuju nen umare de nisen jukyu nen kara eizu uirusu kensa ga",
    b"yosei desu jikai no shinsatsu wa kayobi no gogo niji desu seiken no kekka wa akusei deshita shikyu",
]
SHORTEST = 64
"""Octets of text: less can be told in most places and encodings, and not in all (docs/threat-model.md)."""


def is_encrypted(mail: bytes) -> bool:
    return shape_of(mail).protection is Protection.ENCRYPTED


def test_no_text_passes_in_the_place_of_ciphertext(record_property: Callable[[str, object], None]) -> None:
    chance = Random(6)  # noqa: S311  a fixed seed, not for secrets
    tried: Counter[str] = Counter()
    passed = []
    for script, encoding, text in encoded():
        for place, disguise in PLACES.items():
            size = chance.randrange(SHORTEST, len(text) + 1)
            if "amid noise" in place:
                size = max(size, 200)
            start = chance.randrange(len(text) - min(size, len(text)) + 1)
            tried[place] += 1
            if is_encrypted(disguise(text[start : start + size], chance)):
                passed.append((place, script, encoding, start, size))
    record_property("counted", f"{sum(tried.values())} disguises of {len(TEXTS)} scripts in {len(tried)} places")
    assert sum(tried.values()) >= 1_000
    assert passed == []


@pytest.mark.parametrize("place", PLACES)
def test_noise_in_the_same_place_passes(place: str) -> None:
    chance = Random(7)  # noqa: S311  a fixed seed, not for secrets
    failed = [
        size for size in range(SHORTEST, 464, 10) if not is_encrypted(PLACES[place](chance.randbytes(size), chance))
    ]
    assert failed == []


def test_no_words_pass_where_identifiers_headers_and_base64_stand(
    record_property: Callable[[str, object], None],
) -> None:
    chance = Random(8)  # noqa: S311  a fixed seed, not for secrets
    passed, tried = [], 0
    for text in (*LATIN, *ROMANISED):
        words = text.split()
        for place, disguise in IN_WORDS.items():
            for first in range(len(words) - 9):
                said = b" ".join(words[first : first + chance.randrange(9, 16)])
                tried += 1
                if is_encrypted(disguise(said, chance)):
                    passed.append((place, said))
    record_property("counted", f"{tried} disguises of words in {len(IN_WORDS)} places")
    assert tried >= 1_000
    assert passed == []


@pytest.mark.parametrize(
    ("place", "doubt"),
    [
        ("boundary", Doubt.IDENTIFIERS),
        ("boundary in base64", Doubt.IDENTIFIERS),
        ("boundary in hexadecimal", Doubt.IDENTIFIERS),
        ("Content-ID", Doubt.IDENTIFIERS),
        ("Content-ID's domain", Doubt.IDENTIFIERS),
        ("description", Doubt.HEADERS),
        ("file name", Doubt.HEADERS),
        ("disposition", Doubt.HEADERS),
        ("armor comment", Doubt.HEADERS),
        ("preamble", Doubt.AROUND),
        ("epilogue", Doubt.AROUND),
        ("base64 with blanks", Doubt.LINES),
        ("base64 in lines of words", Doubt.LINES),
        ("base64 in full lines", Doubt.READABLE),
        ("S/MIME in base64 with words", Doubt.READABLE),
    ],
)
def test_why_it_does_not_pass(place: str, doubt: Doubt) -> None:
    assert shape_of(IN_WORDS[place](LATIN[0], Random(1))).doubt is doubt  # noqa: S311  a fixed seed, not for secrets


MACHINE_MADE = (
    (string.ascii_letters + string.digits, 16),
    (string.ascii_letters + string.digits + "+/", 22),
    (string.ascii_lowercase + string.digits, 20),
    (string.ascii_uppercase + string.digits, 30),
    ("0123456789abcdef", 32),
    (string.digits, 24),
)


def test_identifiers_that_programs_make_pass() -> None:
    chance = Random(9)  # noqa: S311  a fixed seed, not for secrets
    for alphabet, size in MACHINE_MADE:
        for _ in range(100):
            token = "".join(chance.choices(alphabet, k=size)).encode()
            assert is_encrypted(IN_WORDS["boundary without marks"](re.sub(rb"[+/]", b"", token), chance)), token
            assert is_encrypted(IN_WORDS["Content-ID"](token, chance)), token
