"""ASCII armor around keys, read as leniently as GnuPG reads it (RFC 9580 section 6.2).

People copy keys out of mails, web pages and documents: the empty line after the first is lost, the checksum has lost
its `=`, the last line is missing, a stray character stands between. None of that changes what is signed in a key, so
nothing is refused here, and no fault is raised: what is missing shows when the packets are read. Mails are read by
`relay.mail.armor`, which is strict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

import anycrc
import pybase64

from relay.mail.armor import Block

_BEGIN = re.compile(rb"(?:\A|(?<=[\r\n]))(?:\xef\xbb\xbf)?-----BEGIN PGP ([A-Z0-9 ,/]{1,40})-----[ \t]*(?=[\r\n]|\Z)")
_END = b"-----END PGP "
_LINE = re.compile(rb"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}\s*\Z")
_BARE_CHECKSUM = re.compile(rb"[\r\n][ \t]*[A-Za-z0-9+/]{4}\s*\Z")
_TAIL = 100  # octets in which a checksum is looked for
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_OTHERS = bytes(set(range(256)).difference(_DIGITS))
_CRC24 = anycrc.Model("CRC24-OPENPGP")


def is_armored(text: bytes) -> bool:
    """Whether a block begins at the start of a line."""
    return _BEGIN.search(text) is not None


def dearmor(text: bytes) -> list[Block]:
    """Every block in their order, as far as it can be decoded; a block ends where the next begins, at the latest."""
    return list(_blocks(text))


def _blocks(text: bytes) -> Iterator[Block]:
    begins = list(_BEGIN.finditer(text))
    for begin, following in zip_longest(begins, begins[1:]):
        limit = following.start() if following else len(text)
        last = text.find(_END, begin.end(), limit)
        end = limit if last < 0 else last
        yield Block(begin[1].decode("ascii"), _decode(text[_skip_headers(text, begin.end(), end) : end]))


def _skip_headers(text: bytes, at: int, end: int) -> int:
    """Where the base64 begins: behind empty lines and lines with a colon."""
    while at < end:
        line = _LINE.match(text, at, end)
        if line is None or (line[1].strip() and b":" not in line[1]):
            break
        at = line.end()
    return at


def _decode(text: bytes) -> bytes:
    tail = max(0, len(text) - _TAIL)
    checksum = _CHECKSUM.search(text, tail)
    digits, padding, _rest = text[: checksum.start() if checksum else None].translate(None, _OTHERS).partition(b"=")
    digits = digits[: -1 if len(digits) % 4 == 1 else None]
    data: bytes = pybase64.b64decode(digits + b"=" * (-len(digits) % 4))
    if not checksum and not padding and _BARE_CHECKSUM.search(text, tail) and _ends_in_checksum(data):
        return data[:-3]
    return data


def _ends_in_checksum(data: bytes) -> bool:
    return bool(int.from_bytes(data[-3:], "big") == _CRC24.calc(data[:-3]))
