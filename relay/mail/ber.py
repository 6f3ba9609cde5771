"""Elements of ASN.1 in BER: tags, definite and indefinite lengths (X.690 section 8.1).

Depth and number of elements are bounded, the number by the size of the data: an element takes two octets, and so could
a message of many megabytes keep the processor busy for seconds. Raises `OpenPgpError` for what exceeds the bounds or
contradicts itself, `IndexError` for what is cut off.
"""

from __future__ import annotations

from typing import NamedTuple

from relay.model.errors import OpenPgpError

MAX_DEPTH = 12
MIN_ELEMENTS = 4_000
OCTETS_AN_ELEMENT = 64
"""Writers that stream cut content into pieces of a thousand octets and more."""

_OCTET_STRING = 0x04
_CONSTRUCTED = 0x20
_END = b"\0\0"


class Element(NamedTuple):
    """One value: its tag, its contents `data[start:end]`, and where the next begins."""

    tag: int
    start: int
    end: int
    after: int


class Reader:
    """Reads elements of one message; every element it sees counts."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MIN_ELEMENTS + len(data) // OCTETS_AN_ELEMENT

    def whole(self) -> Element:
        """The element that all of the data is."""
        element = self._element(0, len(self._data), 0)
        if element.after != len(self._data):
            raise OpenPgpError("something stands behind it")
        return element

    def children(self, parent: Element, tag: int) -> list[Element]:
        """The elements in one that has this tag."""
        self._verify(parent, tag)
        found: list[Element] = []
        at = parent.start
        while at < parent.end:
            found.append(self._element(at, parent.end, 0))
            at = found[-1].after
        return found

    def value(self, element: Element, tag: int) -> bytes:
        """The contents of an element that has this tag."""
        self._verify(element, tag)
        return self._data[element.start : element.end]

    def pieces(self, element: Element, primitive: int, constructed: int) -> list[Element]:
        """The pieces of an octet string with one of these tags."""
        if element.tag == primitive:
            return [element]
        found = self.children(element, constructed)
        for piece in found:
            self._verify(piece, _OCTET_STRING)
        return found

    def raw(self, element: Element) -> bytes:
        """The contents of any element."""
        return self._data[element.start : element.end]

    def _verify(self, element: Element, tag: int) -> None:
        if element.tag != tag:
            raise OpenPgpError("an element with another tag")

    def _element(self, at: int, limit: int, depth: int) -> Element:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise OpenPgpError("more elements, or deeper ones, than anybody writes")
        tag, first = self._data[at], self._data[at + 1]
        if first == 0x80:
            return self._indefinite(tag, at + 2, limit, depth)
        octets = first & 0x7F if first & 0x80 else 0
        start = at + 2 + octets
        size = int.from_bytes(self._data[at + 2 : start], "big") if octets else first
        if octets > 4 or start + size > limit or tag & 0x1F == 0x1F:
            raise OpenPgpError("cut off, or a tag of several octets")
        return Element(tag, start, start + size, start + size)

    def _indefinite(self, tag: int, start: int, limit: int, depth: int) -> Element:
        at = start
        while self._data[at : at + 2] != _END:
            at = self._element(at, limit, depth + 1).after
        if at + 2 > limit or not tag & _CONSTRUCTED:
            raise OpenPgpError("cut off")
        return Element(tag, start, at, at + 2)
