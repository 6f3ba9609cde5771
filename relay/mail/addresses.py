"""Address lists of header fields (RFC 5322 section 3.4), read only to find out who is named.

Promises to raise nothing, to take linear time without recursion, and to read a bounded part of a field. It
errs to one side: what is doubtful is left out, because a recipient who is not named gets a copy of their own.
A display name or a comment that looks like an address names nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from relay.model import Address
from relay.model.errors import AddressError

MAX_LIST = 1_000_000
MAX_ADDRESSES = 20_000
MAX_UNICODE = 8_192
"""Characters of addresses that are not ASCII: a domain is converted at up to 2 µs a character (RFC 5891)."""

_PIECE = re.compile(r'"[^"\\]*"|\[[^\[\]\\<>"]*\]|\\.|[^"\[\\(),:;<>]+|.', re.DOTALL)
_QUOTED_PIECE = re.compile(r'\\.|"', re.DOTALL)


def addresses(value: str, limit: int = MAX_LIST) -> Iterator[Address]:
    """The addresses of an unfolded field value; no more than `limit` characters of it are read."""
    if len(value) > limit:
        value = value[:limit].rpartition(",")[0]
    left = MAX_UNICODE
    for text in islice(_mailboxes(value), MAX_ADDRESSES):
        if not text.isascii() and (left := left - len(text)) < 0:
            continue
        try:
            yield Address(text)
        except AddressError:
            continue


def _mailboxes(value: str) -> Iterator[str]:
    """The text of each mailbox: what is in angle brackets or, without them, all but the comments."""
    mailbox = _Mailbox()
    depth = 0
    for piece in _pieces(value):
        if piece == "(":
            depth += 1
        elif piece == ")" and depth:
            depth -= 1
        elif depth:
            continue
        elif piece in {'"', "["}:  # never closed: the rest belongs to it
            return
        elif piece in {",", ";"} and not mailbox.open:
            yield from mailbox.text()
            mailbox = _Mailbox()
        elif piece == ":" and not mailbox.open:  # what stood before is a group's name
            mailbox = _Mailbox()
        else:
            mailbox.take(piece)
    if not depth:
        yield from mailbox.text()


def _pieces(value: str) -> Iterator[str]:
    """What a list is read by. A quote that nothing closes is a piece of its own, and no other comes after it."""
    at = 0
    while match := _PIECE.match(value, at):
        end = match.end()
        if match[0] == '"':
            end = _closed(value, end) or end  # one with quoted pairs
        yield value[at:end]
        at = end


def _closed(value: str, start: int) -> int:
    """Where the quoted string ends that begins before `start`; 0: nowhere. Piece by piece: it takes no memory."""
    return next((one.end() for one in _QUOTED_PIECE.finditer(value, start) if one[0] == '"'), 0)


class _Mailbox:
    """One element of the list while it is read."""

    def __init__(self) -> None:
        self.open = False
        self._outside: list[str] = []
        self._inside: list[str] | None = None
        self._doubtful = False

    def take(self, piece: str) -> None:
        if piece == "<":
            self._doubtful |= self._inside is not None
            self.open, self._inside = True, []
        elif piece == ">":
            self._doubtful |= not self.open
            self.open = False
        elif self.open and self._inside is not None:
            self._inside.append(piece)
        else:
            self._doubtful |= self._inside is not None and not piece.isspace()
            self._outside.append(piece)

    def text(self) -> Iterator[str]:
        if not self._doubtful and not self.open:
            text = "".join(self._outside if self._inside is None else self._inside).strip()
            if "@" in text:
                yield text
