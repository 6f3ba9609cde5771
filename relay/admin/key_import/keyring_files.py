"""The public keys in GnuPG's keyring files, read without GnuPG: `pubring.kbx` and `pubring.gpg`.

GnuPG exports no key of version 3, and none at all where one key of the keyring is of a version that it does not know.
Their addresses have to be kept. A keybox is a row of blobs (GnuPG's kbx/keybox-blob.c): four octets of length, a type,
and for a key where it begins and how long it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relay.admin.key_import import binary

NAMES = ("pubring.kbx", "pubring.gpg")
_OPENPGP = 2
_HEADER = 16


def keys(home: Path) -> Iterator[bytes]:
    """The octets of each key, as far as they can be told apart. Raises `OSError`."""
    for name in NAMES:
        if (home / name).is_file():
            content = (home / name).read_bytes()
            for data in _blobs(content) if name.endswith(".kbx") else [memoryview(content)]:
                yield from (piece.data for piece in binary.pieces(data) if isinstance(piece, binary.Piece))


def _blobs(content: bytes) -> Iterator[memoryview]:
    """The octets of each OpenPGP key block in a keybox file (`pubring.kbx`); ends at the first damaged block."""
    view, at = memoryview(content), 0
    while len(view) - at >= _HEADER:
        size, start, octets = (int.from_bytes(view[at + n : at + n + 4], "big") for n in (0, 8, 12))
        if size < _HEADER:
            return
        if view[at + 4] == _OPENPGP and start + octets <= size:
            yield view[at + start : at + start + octets]
        at += size
