"""Our lines in a file of Postfix's: a comment that says whose they are, and the entries that follow it. Pure.

An entry is a line and the lines after it that begin with white space; comments and blank lines may stand between them
(postconf(5), master(5)). Entries of others between ours stay in their place when ours are taken out. A file without a
newline at its end gets one before our comment, which says so, and has none again afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

MARK = b"# pgp-relay: what follows was put in by `pgp-relay postfix install`; `uninstall` takes it out.\n"
MARK_NO_NEWLINE = MARK[:-1] + b" (no newline before)\n"

Ours = Callable[[bytes], bool]
"""Whether an entry is one that `install` writes."""

_ENTRY = re.compile(
    rb"""
    [ \t]*(?:\#[^\n]*)?\n                    # a blank line or a comment, on its own,
    | [^\n]+\n?                             # or an entry with the lines that continue it,
    (?: (?:[ \t]*(?:\#[^\n]*)?\n)*          # over comments and blank lines
        [ \t]+[^\s\#][^\n]*\n? )*
    """,
    re.VERBOSE,
)


class Parted(NamedTuple):
    """A file without our lines, and our lines (empty: there are none)."""

    rest: bytes
    ours: bytes


def begin(file: bytes) -> bytes:
    """The file with our comment at its end: what is appended now is ours."""
    if file and not file.endswith(b"\n"):
        return file + b"\n" + MARK_NO_NEWLINE
    return file + MARK


def part(file: bytes, ours: Ours) -> Parted:
    """Take our lines out."""
    for mark in (MARK, MARK_NO_NEWLINE):
        before, found, after = file.partition(mark)
        if found and (not before or before.endswith(b"\n")):
            mine, others = _sort(after, ours)
            if mark == MARK_NO_NEWLINE and not others:
                before = before[:-1]
            return Parted(before + others, found + mine)
    return Parted(file, b"")


def _sort(text: bytes, ours: Ours) -> tuple[bytes, bytes]:
    mine: list[bytes] = []
    others: list[bytes] = []
    for entry in _ENTRY.findall(text):
        (mine if ours(entry) else others).append(entry)
    return b"".join(mine), b"".join(others)
