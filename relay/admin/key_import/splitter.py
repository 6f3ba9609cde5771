"""Takes the contents of a file apart into certificates: armored, binary, one or thousands, good beside bad.

A fault costs the one certificate it is in, and in binary data what follows it, because the framing is lost there.
Nothing is raised: what shows no address is a `Refusal`.
"""

from __future__ import annotations

import codecs
import mmap
from collections.abc import Iterator
from itertools import pairwise

from relay.admin.key_import import binary
from relay.admin.key_import.binary import Piece
from relay.admin.key_import.result import Offer, Refusal
from relay.mail import key_armor

LARGEST_BLOCK = 256 << 20

EMPTY = "This is empty."

Contents = bytes | mmap.mmap

BEGIN = b"-----BEGIN PGP "
_FIRST_LINE, _END = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n", b"-----END PGP PUBLIC KEY BLOCK-----"
"""A copy may have lost the first one."""
_MOST_BEHIND = 4096
_BLOCK_TOO_LARGE = "This armored block is larger than 256 MiB: export it without --armor."
_KINDS = {"PRIVATE KEY BLOCK": binary.PRIVATE, "MESSAGE": binary.MESSAGE}


def split(place: str, contents: Contents) -> Iterator[Offer | Refusal]:
    """The certificates and the faults, in their order, numbered from 1."""
    if not len(contents):
        yield Refusal(place, 0, EMPTY)
        return
    number = 0
    for number, found in enumerate(_pieces(contents), 1):
        if isinstance(found, Piece):
            yield Offer(place, number, found.data, found.damage, found.revocation)
        else:
            yield Refusal(place, number, found)
    if not number:
        yield Refusal(place, 0, binary.NOT_A_KEY)


def _pieces(contents: Contents) -> Iterator[Piece | str]:
    text = _as_octets(contents)
    starts = list(_beginnings(text))
    if not starts and len(text) <= LARGEST_BLOCK and _END in text[-_MOST_BEHIND:]:
        text = _FIRST_LINE + text[:]
        starts = [0]
    if not starts:
        yield from binary.pieces(memoryview(text))
    for start, end in pairwise([*starts, len(text)]):
        if end - start > LARGEST_BLOCK:
            yield _BLOCK_TOO_LARGE
        else:
            yield from _armored(text[start:end])


def _as_octets(contents: Contents) -> Contents:
    """PowerShell's `>` writes armor as UTF-16, editors put a mark in front of UTF-8."""
    if contents[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} and len(contents) <= LARGEST_BLOCK:
        return contents[:].decode("utf-16", "replace").encode("utf-8", "replace")
    return contents[3:] if contents[:3] == codecs.BOM_UTF8 else contents


def _beginnings(text: Contents) -> Iterator[int]:
    at = text.find(BEGIN)
    while at >= 0:
        if at == 0 or text[at - 1 : at] in {b"\n", b"\r"}:
            yield at
        at = text.find(BEGIN, at + 1)


def _armored(text: bytes) -> Iterator[Piece | str]:
    for block in key_armor.dearmor(text):
        if block.kind in {"PUBLIC KEY BLOCK", "SIGNATURE"}:
            yield from binary.pieces(memoryview(block.data))
        else:
            yield _KINDS.get(block.kind, binary.NOT_A_KEY)
