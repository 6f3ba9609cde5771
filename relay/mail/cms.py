"""Cryptographic Message Syntax in BER, as far as telling whether all of it is encrypted (RFC 5652, RFC 5083, X.690).

Reads definite and indefinite lengths, to a bounded depth and number of elements. Strict: what has attributes or an
originator's certificates outside of the encrypted content, a cipher that is none or is weak, nobody it is for, or a
single octet behind it, is not enveloped; the safe side is to encrypt it. `is_enveloped` raises nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from relay.mail.randomness import is_opaque
from relay.model.errors import OpenPgpError

MAX_DEPTH = 12
MAX_ELEMENTS = 100_000
MIN_RECIPIENT = 40
MIN_CONTENT = 8

_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET = 0x02, 0x04, 0x06, 0x30, 0x31
_EXPLICIT_0, _IMPLICIT_0 = 0xA0, 0x80
_ENVELOPED = bytes.fromhex("2a864886f70d010703")
_AUTH_ENVELOPED = bytes.fromhex("2a864886f70d0109100117")
_CIPHERS = (
    bytes.fromhex("60864801650304 01"),  # AES in every mode
    bytes.fromhex("2a864886f70d0307"),  # 3DES
    bytes.fromhex("2a864886f70d010910 0312"),  # ChaCha20-Poly1305 (RFC 8103)
    bytes.fromhex("2a83088c9a4b3d0101 01"),  # Camellia (RFC 3657)
)


class Element(NamedTuple):
    """One value: its tag, its contents, and where the next begins."""

    tag: int
    start: int
    end: int
    after: int


def is_enveloped(data: bytes) -> bool:
    """Whether it is enveloped data of which nothing but whom it is for can be read."""
    try:
        return _Reader(data).enveloped()
    except (OpenPgpError, IndexError, ValueError):  # cut off, or another number of elements
        return False


class _Reader:
    """Walks one message; every element it sees counts."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._seen = 0

    def enveloped(self) -> bool:
        whole = self._element(0, len(self._data), 0)
        kind, explicit = self._children(whole, _SEQUENCE)
        (inside,) = self._children(explicit, _EXPLICIT_0)
        version, recipients, content, *mac = self._children(inside, _SEQUENCE)
        is_auth = self._value(kind, _OID) == _AUTH_ENVELOPED
        if whole.after != len(self._data) or not (is_auth or self._value(kind, _OID) == _ENVELOPED):
            return False
        tags = [one.tag for one in mac]
        bounded = version.tag == _INTEGER and version.end - version.start <= 2
        return bounded and tags == [_OCTETS] * is_auth and self._for_somebody(recipients) and self._hidden(content)

    def _for_somebody(self, recipients: Element) -> bool:
        each = self._children(recipients, _SET)
        return bool(each) and all(one.end - one.start >= MIN_RECIPIENT for one in each)

    def _hidden(self, content: Element) -> bool:
        kind, algorithm, encrypted = self._children(content, _SEQUENCE)
        cipher = self._value(self._children(algorithm, _SEQUENCE)[0], _OID)
        short = kind.tag == _OID and kind.end - kind.start <= 16 and algorithm.end - algorithm.start <= 64
        text = self._text(encrypted)
        return short and cipher.startswith(_CIPHERS) and len(text) >= MIN_CONTENT and is_opaque(text)

    def _text(self, encrypted: Element) -> bytes:
        if encrypted.tag == _IMPLICIT_0:
            return self._data[encrypted.start : encrypted.end]
        return b"".join(self._value(piece, _OCTETS) for piece in self._children(encrypted, _EXPLICIT_0))

    def _value(self, element: Element, tag: int) -> bytes:
        if element.tag != tag:
            raise OpenPgpError("not what stands there in enveloped data")
        return self._data[element.start : element.end]

    def _children(self, parent: Element, tag: int) -> list[Element]:
        if parent.tag != tag:
            raise OpenPgpError("not what stands there in enveloped data")
        found, at = [], parent.start
        while at < parent.end:
            found.append(self._element(at, parent.end, 0))
            at = found[-1].after
        return found

    def _element(self, at: int, limit: int, depth: int) -> Element:
        self._seen += 1
        if depth > MAX_DEPTH or self._seen > MAX_ELEMENTS:
            raise OpenPgpError("more than anybody nests")
        tag, first = self._data[at], self._data[at + 1]
        if first == 0x80:
            return self._indefinite(tag, at + 2, limit, depth)
        octets = first & 0x7F if first & 0x80 else 0
        start = at + 2 + octets
        size = int.from_bytes(self._data[at + 2 : start], "big") if octets else first
        if octets > 4 or start + size > limit or tag & 0x1F == 0x1F:
            raise OpenPgpError("cut off, or a tag that none of it has")
        return Element(tag, start, start + size, start + size)

    def _indefinite(self, tag: int, start: int, limit: int, depth: int) -> Element:
        at = start
        while self._data[at : at + 2] != b"\0\0":
            at = self._element(at, limit, depth + 1).after
        if at + 2 > limit or not tag & 0x20:
            raise OpenPgpError("cut off")
        return Element(tag, start, at, at + 2)
