"""Our lines in a file of Postfix's: a comment that says whose they are, and the entries that follow it. Pure.

An entry is a line and the lines after it that begin with white space; comments and blank lines may stand between them
(postconf(5), master(5)). Entries of others between ours stay in their place when ours are taken out. A file without a
newline at its end gets one before our comment, which says so, and has none again afterwards. Options of a service that
is not ours are inserted at the end of its entry, under a comment too. Raises `PostfixError` for a service that is not
there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import NamedTuple

from relay.model.errors import PostfixError

MARK = b"# pgp-relay: what follows was put in by `pgp-relay postfix install`; `uninstall` takes it out.\n"
MARK_INBOUND = MARK.replace(b"install`", b"install --inbound`").replace(b"uninstall`", b"uninstall --inbound`")
NO_NEWLINE = b" (no newline before)\n"

MARK_INSERTED = b"# pgp-relay: from here on put in by `pgp-relay postfix install --inbound`.\n"
"""Within a service's entry in master.cf."""
MARK_BEHIND = MARK_INSERTED.replace(b"--inbound", b"--behind")

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

_END = b"(" + re.escape(NO_NEWLINE[:-1]) + b")?\n"
_INSERTED = {
    MARK_INSERTED: re.compile(re.escape(MARK_INSERTED[:-1]) + _END),
    MARK_BEHIND: re.compile(re.escape(MARK_BEHIND[:-1]) + _END),
}


class Parted(NamedTuple):
    """A file without our lines, and our lines (empty: there are none)."""

    rest: bytes
    ours: bytes


def begin(file: bytes, mark: bytes = MARK) -> bytes:
    """The file with our comment at its end: what is appended now is ours."""
    if file and not file.endswith(b"\n"):
        return file + b"\n" + _no_newline(mark)
    return file + mark


def part(file: bytes, ours: Ours, mark: bytes = MARK) -> Parted:
    """Take our lines out."""
    for each in (mark, _no_newline(mark)):
        before, found, after = file.partition(each)
        if found and (not before or before.endswith(b"\n")):
            mine, others = _sort(after, ours)
            if each != mark:
                before, others = _newline_taken_back(before, others)
            return Parted(before + others, mark + mine)
    return Parted(file, b"")


def insert(file: bytes, service: tuple[str, str], lines: bytes, mark: bytes = MARK_INSERTED) -> bytes:
    """The file with these lines at the end of a service's entry (name and type) in master.cf, under our comment."""
    before, entry = _entry(file, service)
    after = file[len(before) + len(entry) :]
    return before + begin(entry, mark) + lines + after


def take_out(file: bytes, ours: Ours, mark: bytes = MARK_INSERTED) -> Parted:
    """Take out all that was inserted under this comment."""
    rest, mine = b"", b""
    while found := _INSERTED[mark].search(file):
        before, file = file[: found.start()], file[found.end() :]
        kept: Iterable[bytes] = takewhile(ours, file.splitlines(keepends=True))
        lines = b"".join(kept)
        file = file[len(lines) :]
        rest += before if found[1] is None else before[:-1]
        mine += found[0] + lines
    return Parted(rest + file, mine)


def _newline_taken_back(before: bytes, others: bytes) -> tuple[bytes, bytes]:
    """If another block of ours follows, its comment says so from now on."""
    if not others:
        return before[:-1], others
    following = next((mark for mark in (MARK, MARK_INBOUND) if others.startswith(mark)), None)
    return before, others.replace(following, _no_newline(following), 1) if following else others


def _entry(file: bytes, service: tuple[str, str]) -> tuple[bytes, bytes]:
    """What stands before the entry, and the entry: its last definition, which counts."""
    at = start = end = 0
    for entry in _ENTRY.findall(file):
        if tuple(entry.decode("utf-8", "replace").split()[:2]) == service:
            start, end = at, at + len(entry)
        at += len(entry)
    if not end:
        raise PostfixError(f"master.cf has no service {'/'.join(service)}")
    return file[:start], file[start:end]


def _no_newline(mark: bytes) -> bytes:
    return mark[:-1] + NO_NEWLINE


def _sort(text: bytes, ours: Ours) -> tuple[bytes, bytes]:
    mine: list[bytes] = []
    others: list[bytes] = []
    for entry in _ENTRY.findall(text):
        (mine if ours(entry) else others).append(entry)
    return b"".join(mine), b"".join(others)
