"""Encoded words (RFC 2047) as people read them.

Promises to raise nothing and to read no more than `MAX_TEXT` characters. A charset that is not known is read as
UTF-8, or a rule that looks for ASCII in it would be passed by. Neighbours in one charset are decoded together: some
mailers cut a character in two.
"""

from __future__ import annotations

import binascii
import codecs
import re
from contextlib import suppress
from itertools import groupby

MAX_TEXT = 65_536

_WORD = re.compile(r"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[A-Za-z0-9-]{0,40})?\?([bBqQ])\?([^?]*+)\?=")
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""Python calls them encodings: no charset of mail, and the first two take quadratic time."""

_Piece = tuple[str, bytes, str]
"""Charset and octets of a word; or nothing of both, and plain text."""


def decode(text: str) -> str:
    """The text with its encoded words decoded."""
    pieces = _pieces(text[:MAX_TEXT])
    return "".join(_read(charset, list(group)) for charset, group in groupby(pieces, key=lambda piece: piece[0]))


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    at = 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        if between and not (pieces and between.isspace()):  # space between encoded words is no text (6.2)
            pieces.append(("", b"", between))
        pieces.append((match[1].lower(), _octets(match[2], match[3]), ""))
        at = match.end()
    return [*pieces, ("", b"", text[at:])]


def _octets(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    try:
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
    except binascii.Error:
        return raw


def _read(charset: str, pieces: list[_Piece]) -> str:
    if not charset:
        return "".join(piece[2] for piece in pieces)
    octets = b"".join(piece[1] for piece in pieces)
    with suppress(LookupError, ValueError):  # unknown, or no charset of text; ValueError: a codec's own refusal
        if codecs.lookup(charset).name not in _NO_CHARSETS:
            return octets.decode(charset, "replace")
    return octets.decode("utf-8", "replace")
