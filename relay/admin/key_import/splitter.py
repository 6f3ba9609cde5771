"""Takes the contents of a file apart into certificates: armored, binary, one or thousands, good beside bad.

A fault costs the one certificate it is in, and in binary data what follows it, because the framing is lost
there. Nothing is raised: each fault is a `Refusal`.
"""

from __future__ import annotations

import codecs
import mmap
from collections.abc import Iterator
from itertools import pairwise

from relay.admin.key_import.result import Offer, Refusal
from relay.mail import key_armor, packets
from relay.model.errors import OpenPgpError

LARGEST_CERTIFICATE = 4 << 20
LARGEST_BLOCK = 256 << 20

EMPTY = "This is empty."

Contents = bytes | mmap.mmap

BEGIN = b"-----BEGIN PGP "
_PRIVATE = (
    "This is a private key: import the public key alone (gpg --export). A key for the relay to sign with is made "
    "with `keys generate`, or brought along with `keys import --signing`."
)
_NOT_A_KEY = "This holds no OpenPGP key."
_TOO_LARGE = (
    "This key is larger than 4 MiB, which is other people's signatures: export it with "
    "gpg --export-options export-minimal --export."
)
_BLOCK_TOO_LARGE = "This armored block is larger than 256 MiB: export it without --armor."
_CUT_OFF = "This key is cut off or damaged: copy the whole file, or ask for it again."
_AFTER = "The file is damaged after the last key: whatever followed could not be read."
_KEYBOX = "This is a GnuPG keybox: import it with --gnupg-home and its folder."
_KINDS = {
    "PRIVATE KEY BLOCK": _PRIVATE,
    "MESSAGE": "This is an OpenPGP message and no key.",
    "SIGNATURE": "This is a signature and no key.",
}

_KEYS = frozenset({packets.PUBLIC_KEY, packets.SECRET_KEY})
_FILLING = frozenset({packets.MARKER, packets.PADDING})
_MESSAGE = packets.DATA_PACKETS | {packets.PKESK, 3}
_SPACE = b" \t\r\n\0"
_MOST_SPACE = 4096


def split(place: str, contents: Contents) -> Iterator[Offer | Refusal]:
    """The certificates and the faults, in their order, numbered from 1."""
    if not len(contents):
        yield Refusal(place, 0, EMPTY)
        return
    for number, found in enumerate(_pieces(contents), 1):
        yield Offer(place, number, found) if isinstance(found, bytes) else Refusal(place, number, found)


def _pieces(contents: Contents) -> Iterator[bytes | str]:
    text = _as_octets(contents)
    starts = list(_beginnings(text))
    if not starts:
        yield from _binary(memoryview(text))
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


def _armored(text: bytes) -> Iterator[bytes | str]:
    for block in key_armor.dearmor(text):
        if block.kind == "PUBLIC KEY BLOCK":
            yield from _binary(memoryview(block.data))
        else:
            yield _KINDS.get(block.kind, _NOT_A_KEY)


def _binary(data: memoryview) -> Iterator[bytes | str]:
    group: list[packets.Packet] = []
    end = 0
    try:
        for packet in packets.walk(data, most=len(data)):
            end = packet.end
            if packet.tag in _KEYS and group:
                yield _certificate(data, group)
                group = []
            if group or packet.tag in _KEYS:
                group.append(packet)
            elif packet.tag not in _FILLING:
                yield _no_key(packet.tag)
                return
    except OpenPgpError:
        yield from _damaged(data, group, end)
    else:
        yield _certificate(data, group) if group else _NOT_A_KEY


def _certificate(data: memoryview, group: list[packets.Packet]) -> bytes | str:
    if any(packet.tag in {packets.SECRET_KEY, packets.SECRET_SUBKEY} for packet in group):
        return _PRIVATE
    start, end = group[0].start, group[-1].end
    return _TOO_LARGE if end - start > LARGEST_CERTIFICATE else bytes(data[start:end])


def _damaged(data: memoryview, group: list[packets.Packet], end: int) -> Iterator[bytes | str]:
    """What is left where the framing breaks at `end`: no packet begins there, or one that is cut off."""
    if not group:
        yield _KEYBOX if bytes(data[8:12]) == b"KBXf" else _NOT_A_KEY
    elif data[end] & 0x80:
        yield _PRIVATE if group[0].tag == packets.SECRET_KEY else _CUT_OFF
    else:
        yield _certificate(data, group)
        if bytes(data[end : end + _MOST_SPACE]).strip(_SPACE):
            yield _AFTER


def _no_key(tag: int) -> str:
    return _KINDS["SIGNATURE"] if tag == packets.SIGNATURE else _KINDS["MESSAGE"] if tag in _MESSAGE else _NOT_A_KEY
