"""The tag that an administrator has put in front of incoming mail's subjects, and what others write to look like it.

`untagged` takes out whatever reads like one of the tags, wherever it stands: in another case or with other accents, in
full-width or mathematical letters, in letters of other scripts that look alike, with characters between that nobody
sees, in other brackets, with white space inside, one inside the other. What is left holds none. Each character is read
once: the cost is linear. Nothing is raised.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from email.header import Header
from functools import lru_cache

from relay.mail import encoded_words, headers
from relay.mail.headers import Field

MAX_SUBJECT = encoded_words.MAX_TEXT
"""Characters of a subject that are kept where it is written anew."""
LONGEST_WORD = 900
"""Characters of a word that stands as it is: a line has 998 octets (RFC 5322 section 2.1.1)."""

_LATIN = re.compile(r"(?:.* )?(?:LATIN|REGIONAL INDICATOR)\b.*\bLETTER(?: [A-Z]{2,})* ([A-Z])(?: WITH .*)?")
"""Of a character's name in Unicode: the letter, also with a stroke, as small capital, in a circle, without its dot."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs to Unicode that nobody sees."""
_NOT_SQUARE = frozenset("(){}\u201a\u201e\u2e42")
"""Opening and closing punctuation that nobody takes for a square bracket."""
_BRACKETS = {"Ps": "[", "Pe": "]"}
_ALIKE = {
    "a": "\u0430\u0251\u03b1\u13aa\ua4ee4@",
    "b": "\u0432\u044c\u03b2\u13f4\u15af\ua4d0",
    "c": "\u0441\u03f2\u13df\ua4da\u2ca5\u04ab\u03c2",
    "d": "\u0501\u0257\u13a0\ua4d3",
    "e": "\u0435\u03b5\u212e\u0454\u04bd\u13ac\ua4f0\u0451\u2c9f3",
    "f": "\u03dd\u0584\u15b4\ua4dd",
    "g": "\u0581\u13c0\u050d\ua4d6",
    "h": "\u13be\u04bb\u043d\u03b7\u13bb\u0570\ua4e7\u045b\u2c8f",
    "k": "\u043a\u03ba\u13e6\ua4d7\u2c95",
    "l": "i\u0456\u0457\u03b9\u04cf\u13a5\ua4f2\ua4e1\u13de\u05d5\u05df\u01c0\u2223\u2c93\u237a1|!",
    "n": "\u0578\u057c\u03bd\u13c1\ua4e0\u0438\u043f",
    "o": "\u043e\u03bf\u03c3\u0585\u0b66\u0966\u0e50\ua4f3\u03b8\u2c9f\u25cb\u25ef0",
    "p": "\u0440\u03c1\u13e2\ua4d1\u2ca3",
    "q": "\u051b\u0563\u0566",
    "r": "\u0433\u13a1\u13d2\ua4e3\u044f\u2c85",
    "s": "\u0455\u13da\u054f\ua4e2$5",
    "t": "\u0442\u03c4\u13a2\ua4d4\u2ca7",
    "u": "\u03c5\u057d\u0446\ua4f4",
    "v": "\u03bd\u0475\u13d9\ua4e6",
    "vv": "w\u051d\u0448\u0461\u03c9\u13d4\ua4ea\u0561",
    "x": "\u0445\u03c7\ua4eb\u00d7",
    "y": "\u0443\u04af\u03b3\ua4ec\u13a9",
    "z": "\u13c3\u03b6\ua4dc",
    "rn": "m\u043c\u03bc\u13b7\ua4df",
    "ae": "\u00e6\u04d5",
    "oe": "\u0153",
}
"""What looks like these letters: of other scripts, in lower case where it has a case, figures and signs."""
_BY_LOOK = {char: letters for letters, alike in _ALIKE.items() for char in alike}


def untagged(subject: str, tags: Iterable[str]) -> str:
    """The subject without what reads like one of these tags; the same text where there is nothing of the kind."""
    wanted = [skeleton for tag in tags if (skeleton := "".join(map(_seen, tag)))]
    removed = bytearray(len(subject))
    read: list[str] = []
    places: list[int] = []
    for place, char in enumerate(subject):
        for letter in _seen(char):
            read.append(letter)
            places.append(place)
            for one in wanted:
                if read[-len(one) :] == list(one):
                    removed[places[-len(one)] : place + 1] = b"\1" * (place + 1 - places[-len(one)])
                    del read[-len(one) :], places[-len(one) :]
    if not any(removed):
        return subject
    return "".join(char for char, out in zip(subject, removed, strict=True) if not out).strip()


def retagged(fields: Sequence[Field], tags: Sequence[str], added: Sequence[str]) -> tuple[Field, ...]:
    """The fields with each Subject untagged, and the first with `added` in front; made new where there is none."""
    first = next((one for one in fields if one.name == "subject"), None)
    tagged = tuple(_retagged(one, tags, added if one is first else ()) for one in fields)
    return tagged if first or not added else (*tagged, field(" ".join(added)))


def field(subject: str) -> Field:
    """A Subject field, folded, with encoded words where it is not ASCII (RFC 2047)."""
    text = " ".join(subject[:MAX_SUBJECT].split())
    text = "".join(char for char in text if unicodedata.category(char) not in {"Cc", "Cs"})
    plain = text.isascii() and "=?" not in text and max(map(len, text.split()), default=0) <= LONGEST_WORD
    charset = "us-ascii" if plain else "utf-8"
    value = Header(text, charset, header_name="Subject", maxlinelen=76).encode(linesep="\r\n")
    return Field(b"Subject: %b\r\n" % value.encode("ascii"))


def _retagged(one: Field, tags: Sequence[str], added: Sequence[str]) -> Field:
    if one.name != "subject":
        return one
    subject = headers.decoded(one)
    left = untagged(subject, tags)
    return one if left == subject and not added else field(" ".join([*added, left]))


@lru_cache(maxsize=4096)
def _seen(char: str) -> str:
    """What a reader takes a character for: letters without case and accents, a bracket, or itself.

    Nothing for white space, marks, and what is not shown.
    """
    if char in _BLANK or unicodedata.category(char) in _UNSEEN:
        return ""
    if latin := _LATIN.fullmatch(unicodedata.name(char, "")):
        return _look(latin[1].lower())
    return "".join(_look(one) for apart in unicodedata.normalize("NFKD", char) for one in apart.casefold())


def _look(char: str) -> str:
    category = unicodedata.category(char)
    if category in _UNSEEN:
        return ""
    if category in _BRACKETS and char not in _NOT_SQUARE:
        return _BRACKETS[category]
    latin = _LATIN.fullmatch(unicodedata.name(char, ""))
    return _BY_LOOK.get(char, latin[1].lower() if latin and not char.isascii() else char)
