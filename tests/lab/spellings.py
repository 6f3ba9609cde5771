"""Domain names and addresses, generated from a seed, that two programs may read differently.

Names: letters of many scripts in every case and normal form, full-width and other compatibility forms, characters that
nobody sees, other full stops, A-labels (RFC 5890) right and wrong, symbols. Addresses: those names behind local parts
with quotes, comments, backslashes, blanks, routes and percent signs (RFC 5321 section 4.1.2, RFC 5322 section 3.4.1).
"""

# ruff: noqa: RUF001  characters that look alike are what this is about

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Literal

HOUSE = "house.example"
PLAIN = (HOUSE, "hopital.example", "a-b.example", "x1.house.example", "house.example.evil.example", "r3---sn.example")
LETTERS = (
    *("hôpital", "HÔPITAL", "straße", "STRAẞE", "faß", "οδος", "ΟΔΟΣ", "οδοσ", "İstanbul", "ıspanak", "ǅungla"),
    *(
        "больница",
        "БОЛЬНИЦА",
        "بيمارستان",
        "בית-חולים",
        "病院",
        "병원",
        "โรงพยาบาล",
        "अस्पताल",
        "Ꭰ-cherokee",
        "ნ-georgian",
    ),
    "ｈouse",
)
SYMBOLS = "❤☃€©™½²ªºµ№ℓℵ∞→★☎♥🙂🏥👍🏽⚕·׳״゠ー・、〆〇"
HIDDEN = "".join(map(chr, (0xAD, 0x34F, 0x61C, 0x115F, 0x17B4, 0x180B, 0x180E, *range(0x200B, 0x2010)))) + "".join(
    map(chr, (0x2060, 0x2061, 0x2064, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0))
)
DOTS = "\u3002\uff0e\uff61\u2024\ufe52"
_NOT_IN_NAMES = frozenset("<>@ \t\r\n\0\x7f\"'(),:;[]\\")
_WIDE = 0xFEE0
"""From an ASCII character to its full-width form."""


def names(seed: int, count: int) -> Iterator[str]:
    """Domain names, none twice."""
    random, seen = Random(seed), set[str]()  # noqa: S311  repeatable
    while len(seen) < count:
        name = random.choice(_NAMES)(random)
        if name not in seen and _possible(name):
            seen.add(name)
            yield name


def addresses(seed: int, count: int) -> Iterator[str]:
    """Addresses as they stand between angle brackets, none twice."""
    random, seen = Random(seed), set[str]()  # noqa: S311  repeatable
    while len(seen) < count:
        address = _address(random)
        if address not in seen and len(address.encode()) < 200 and address.isprintable():
            seen.add(address)
            yield address


def _possible(name: str) -> bool:
    controls = any(unicodedata.category(char) in {"Cc", "Cs"} for char in name)
    return bool(name) and len(name.encode()) < 250 and not controls and _NOT_IN_NAMES.isdisjoint(name)


# Names


def _respelled(random: Random) -> str:
    """An ordinary name, some of whose characters are written in another form."""
    name = random.choice((*PLAIN, *(f"{word}.example" for word in LETTERS)))
    return "".join(random.choice(_FORMS)(random, char) if random.random() < 0.2 else char for char in name)


def _in_script(random: Random) -> str:
    forms: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
    form = random.choice(forms)
    word = unicodedata.normalize(form, random.choice(LETTERS))
    return f"{random.choice((word, word.upper(), word.lower(), word.title()))}.example"


def _any_character(random: Random) -> str:
    return f"a{random.choice(_assigned())}{random.choice(('', 'b'))}.example"


def _symbol(random: Random) -> str:
    return f"{random.choice(('', 'i', 'a-'))}{random.choice(SYMBOLS)}{random.choice(('', 's'))}.ws"


def _a_label(random: Random) -> str:
    word = random.choice((*LETTERS, *SYMBOLS, *(f"a{char}b" for char in HIDDEN), "é-", "-é", "é--b"))
    label = f"xn--{word.lower().encode('punycode').decode()}"
    spoilt = random.choice((label, label, label.upper(), f"{label}-", f"{label}9", label[:-1], f"a.{label}"))
    return f"{spoilt}.{random.choice(('example', 'hôpital.fr'))}"


def _odd_ascii(random: Random) -> str:
    word = "".join(random.choice("ab1-_.xn") for _ in range(random.randint(1, 12)))
    frame = random.choice(("{}", "{}.example", "{}.example.", "{}..example", "{}.hôpital.fr"))
    return frame.format(random.choice((word, word.upper())))


@cache
def _assigned() -> tuple[str, ...]:
    """Every character beyond ASCII that is one."""
    characters = map(chr, range(0x80, sys.maxunicode))
    return tuple(char for char in characters if unicodedata.category(char) not in {"Cn", "Co", "Cs", "Cc"})


@cache
def _alike() -> dict[str, list[str]]:
    """Of each ASCII character: those of which compatibility decomposition and case folding make it."""
    alike: dict[str, list[str]] = {}
    for char in _assigned():
        folded = unicodedata.normalize("NFKC", char).casefold()
        if len(folded) == 1 and folded.isascii():
            alike.setdefault(folded, []).append(char)
    return alike


# Addresses


_NAMES = (_respelled, _respelled, _in_script, _any_character, _any_character, _symbol, _a_label, _odd_ascii)
_FORMS: tuple[Callable[[Random, str], str], ...] = (
    lambda _, char: chr(ord(char) + _WIDE) if "!" <= char <= "~" else char,
    lambda random, char: random.choice(_alike().get(char, (char,))),
    lambda random, char: char + random.choice(HIDDEN),
    lambda random, char: random.choice(DOTS) if char == "." else char,
    lambda _, char: char.upper(),
    lambda random, char: random.choice("-_\u0301") + char,
)


def _address(random: Random) -> str:
    if random.random() < 0.4:
        return f"{_atoms(random)}@{random.choice((*_HOSTS, _respelled(random)))}"
    local = "".join(random.choice(random.choice(_PIECES)) for _ in range(random.choice((1, 1, 2, 3))))
    domain = random.choice((*_HOSTS, *_ODD_HOSTS, _respelled(random), _respelled(random)))
    return random.choice(_FRAMES).format(local, domain)


def _atoms(random: Random) -> str:
    """A local part that needs no quotes (RFC 5321 section 4.1.2, RFC 6531)."""
    return "".join(random.choice("bBoOé.-_+'=?^`{}|~#$&*/0ßÉ" + "bob" * 5) for _ in range(random.randint(1, 12)))


_HOSTS = (HOUSE, HOUSE, "HOUSE.Example", "house.example.", "out.example", "x.house.example")
_ODD_HOSTS = ("[127.0.0.1]", "[IPv6:::1]", "(c)house.example", "house.example(c)", "house .example", "localhost", "")
_FRAMES = (*["{0}@{1}"] * 5, "@relay.example:{0}@{1}", "{0}", "{0} @{1}", "{0}@ {1}")
_PIECES = (
    ("bob", "BOB", "b.o.b", "bob+tag", "o'neil", "é", "e\u0301", "groß", "a=b", "=?utf-8?q?bob?=", "#x", "~"),
    (
        r'"bob"',
        r'"b b"',
        r'"b\"b"',
        r'"b\\b"',
        r'"b@out.example"',
        r'""',
        r'"b,b"',
        r'"\b"',
        r'"é"',
        r'"b%out.example"',
    ),
    (".", "..", "\\", "\\@", "\\ ", "(c)", "( c", ")", ",", ";", ":", '"', " "),
    ("bob%out.example", "bob%", "%", "out.example!bob", "!", "bob@out.example", "bob%house.example", "|x", "/x", "-x"),
    ("b＠out.example", "b％out.example", "b！x", "b\u2060b", "b\u00adb", "ｂob", "b\u200bb", "b\u00a0b", "b\u3000b"),
)
