"""Encoded words (RFC 2047) as people read them.

Promises to raise nothing and to read no more than `MAX_TEXT` characters. A charset that is not known is read as
UTF-8, or a rule that looks for ASCII in it would be passed by. Neighbours in one charset are decoded together: some
mailers cut a character, or four of base64, in two. What mail programs read in spite of the RFC is read here too: a raw
`?`, a charset in quotes, padding left out.
"""

from __future__ import annotations

import binascii
import codecs
import encodings
import pkgutil
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from operator import itemgetter

MAX_TEXT = 65_536

_HEAD = re.compile(r"=\?([^?*]{0,80})(?:\*[^?]{0,80})?\?([bBqQ])\?")
_STOP = re.compile(r"\?=|=\?[^?]{0,80}\?[bBqQ]\?")
"""What ends the text of a word, or is the head of another: then the first is no word."""
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_PADDING = re.compile(rb"=+")
_UTF_16 = frozenset({"utf-16", "utf16", "ucs-2", "unicode", "iso-10646-ucs-2"})
_CODECS = frozenset(encodings.aliases.aliases) | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
"""Python remembers each name that it is asked for and does not know, for ever."""
_NO_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""Python calls them encodings: no charset of mail, and the first two take quadratic time."""

_Piece = tuple[str, str, str]
"""Charset, encoding and text of a word; or nothing of both, and plain text."""


def decode(text: str) -> str:
    """The text with its encoded words decoded."""
    pieces = _pieces(text[:MAX_TEXT])
    return "".join(_read(charset, group) for charset, group in groupby(pieces, key=itemgetter(0)))


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    at = 0
    for head, stop in _words(text):
        between = text[at : head.start()]
        if between and not (pieces and between.isspace()):  # space between encoded words is no text (6.2)
            pieces.append(("", "", between))
        charset = head[1].strip(" \t\"'").lower() or "utf-8"
        pieces.append((charset, head[2].lower(), text[head.end() : stop.start()]))
        at = stop.end()
    return [*pieces, ("", "", text[at:])]


def _words(text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """The head and the end of each word.

    A stop is looked for once, also where it serves many heads, or heads without an end would take quadratic time.
    """
    at = 0
    stop: re.Match[str] | None = None
    while head := _HEAD.search(text, at):
        if stop is None or stop.start() < head.end():
            stop = _STOP.search(text, head.end())
        if stop is None:
            return
        ended = stop[0] == "?="
        if ended:
            yield head, stop
        at = stop.end() if ended else head.start() + 1


def _read(charset: str, pieces: Iterable[_Piece]) -> str:
    if not charset:
        return "".join(piece[2] for piece in pieces)
    octets = b"".join(
        _octets(encoding, "".join(piece[2] for piece in group))
        for encoding, group in groupby(pieces, key=itemgetter(1))
    )
    if charset in _UTF_16:
        charset = _utf_16(octets)
    with suppress(LookupError, ValueError):  # no charset of text; ValueError: a codec's own refusal
        if encodings.normalize_encoding(charset) in _CODECS and codecs.lookup(charset).name not in _NO_CHARSETS:
            return octets.decode(charset, "replace")
    return octets.decode("utf-8", "replace")


def _octets(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8")
    if encoding == "q":
        return binascii.a2b_qp(raw, header=True)
    return b"".join(_quanta(part) for part in _PADDING.split(_NO_BASE64.sub(b"", raw)))


def _quanta(text: bytes) -> bytes:
    """Base64 between two paddings; one character too many says nothing."""
    whole = text[:-1] if len(text) % 4 == 1 else text
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _utf_16(octets: bytes) -> str:
    """By its mark, or else by where the zeros of Latin text are: some write the order of their processor (RFC 2781)."""
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-16-le" if octets[1::2].count(0) > octets[::2].count(0) else "utf-16-be"
