"""Reads the files that were found, one after the other, and tells how far it is.

At most 1 GiB a file; large ones are mapped, not copied. What cannot be read is a `Refusal`.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from relay.admin.key_import.folders import LARGEST_FILE, STDIN, File, unreadable
from relay.admin.key_import.result import Offer, Refusal
from relay.admin.key_import.splitter import BEGIN, Contents, split

_MAPPED = 16 << 20

Read = tuple[Offer | Refusal, int]


def read(files: Sequence[File | Refusal], stdin: BinaryIO) -> Iterator[Read]:
    """What is in them, and how many octets of all files were read for it, as well as can be told."""
    before = 0
    for file in files:
        if isinstance(file, Refusal):
            yield file, before
            continue
        within = 0
        for found, octets in _certificates(file, stdin):
            within += octets
            yield found, before + min(within, file.size)
        before += file.size


def _certificates(file: File, stdin: BinaryIO) -> Iterator[Read]:
    """What is in it, and how many of its octets that took."""
    try:
        contents = _contents(file, stdin)
    except OSError as error:
        yield Refusal(file.place, 0, unreadable(error)), 0
        return
    if len(contents) > LARGEST_FILE:
        yield Refusal(file.place, 0, "This is larger than 1 GiB: split it."), 0
        return
    armored = contents.find(BEGIN) >= 0
    for found in split(file.place, contents):
        octets = len(found.data) if isinstance(found, Offer) else 0
        yield found, octets * 4 // 3 if armored else octets


def _contents(file: File, stdin: BinaryIO) -> Contents:
    if file.place == STDIN:
        return stdin.read(LARGEST_FILE + 1)
    with file.open() as opened:
        if file.size > _MAPPED:
            return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        return opened.read(LARGEST_FILE + 1)
