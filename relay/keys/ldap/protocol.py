"""The frames between the relay (`connection`) and the process that speaks LDAP (`worker`).

An answer's words tell the entries: of each, how many values every attribute has. The values are the frame's strings, in
that order. Loads nothing else of the relay but frames: the worker starts as quickly without.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from relay.process.ipc import BadFrame, Frame, Limits

Entry = dict[str, tuple[bytes, ...]]
"""Attributes by their lower-case names without options, each with its values."""

ANSWER = Limits(words=1 << 20, strings=10_000, octets=4 << 20)
REQUEST = Limits(strings=1000, octets=1 << 20)


def answer_frame(entries: Iterable[Entry]) -> tuple[dict[str, Any], list[bytes]]:
    """Words and strings for these entries."""
    counts: list[dict[str, int]] = []
    strings: list[bytes] = []
    for entry in entries:
        counts.append({name: len(values) for name, values in entry.items()})
        for values in entry.values():
            strings += values
    return {"entries": counts}, strings


def entries_of(frame: Frame) -> tuple[Entry, ...]:
    """The entries of an answer. Raises `BadFrame` where it holds none."""
    values = iter(frame.strings)
    try:
        return tuple(
            {name: tuple(islice(values, count)) for name, count in counts.items()} for counts in frame.words["entries"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFrame("not entries") from error
