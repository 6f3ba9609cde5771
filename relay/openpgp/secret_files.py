"""The secret keys of a keyring folder as files, to be copied from one node to another that shares the database.

Each has a name: secret keys as gpg-agent keeps them, revocation certificates, and the secrets that encrypt preset codes
(`vault`). Keys on a card are left out. Public keys are copied too. Existing files are never overwritten. Raises
`EngineError`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from relay.model.errors import EngineError
from relay.openpgp import call, key_transfer, vault
from relay.openpgp.home import reachable

FOLDERS = ("private-keys-v1.d", "openpgp-revocs.d", vault.FOLDER)
PUBLIC = "public/"
"""The prefix of the name of public keys; a digest follows."""
_NAME = re.compile(
    r"private-keys-v1\.d/[0-9A-F]{40}\.key|openpgp-revocs\.d/[0-9A-F]{40,64}\.rev"
    rf"|{re.escape(vault.FOLDER)}/{vault.SECRET.pattern}"
)
_ON_A_CARD = b"shadowed-private-key"
_ASIDE = ".shared-"


def names(home: Path, buried: Collection[str] = ()) -> frozenset[str]:
    """The names of all files that are there, without the secret keys with these keygrips."""
    return frozenset(_names(home, buried))


def changed(home: Path) -> tuple[int, ...]:
    """A value that differs whenever files were added or removed."""
    return tuple(_changed(home / name) for name in (*FOLDERS, "pubring.kbx"))


def read(home: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The contents of those of these files that are there and not on a card, by name."""
    found: dict[str, bytes] = {}
    for name in wanted:
        with suppress(FileNotFoundError):
            octets = _read(home / name)
            if _ON_A_CARD not in octets:
                found[name] = octets
    return found


def write(home: Path, files: Mapping[str, bytes], buried: Collection[str] = ()) -> list[str]:
    """Write the files that are missing, without the secret keys with these keygrips.

    Returns those of the names that are there afterwards.
    """
    _sweep(home)
    written: list[str] = []
    for name, octets in files.items():
        if _NAME.fullmatch(name) and len(octets) <= key_transfer.LARGEST and Path(name).stem not in buried:
            _write(home / name, octets)
            written.append(name)
    os.sync()
    return written


async def public(home: Path) -> bytes:
    """The public keys of this GnuPG home, in binary."""
    result = await call.look(
        reachable(home), "--export", seconds=key_transfer.SECONDS, most=key_transfer.LARGEST_EXPORT
    )
    if result.code != 0:
        raise EngineError("gpg does not export the public keys of the keyring")
    return result.output


async def learn(home: Path, public_halves: bytes) -> None:
    """Import public keys into this GnuPG home."""
    await key_transfer.put(home, {key_transfer.PUBLIC: public_halves})


def public_name(public_halves: bytes) -> str:
    """The name under which these public keys are copied."""
    return PUBLIC + hashlib.sha256(public_halves).hexdigest()


def _names(home: Path, buried: Collection[str]) -> Iterator[str]:
    for folder in FOLDERS:
        with suppress(FileNotFoundError):
            for name in os.listdir(home / folder):  # noqa: PTH208  60,000 of them: no object for each
                if _NAME.fullmatch(f"{folder}/{name}") and name[:40] not in buried:
                    yield f"{folder}/{name}"


def _sweep(home: Path) -> None:
    """Remove files that a crash left half written. Only one process of a node writes them."""
    for folder in FOLDERS:
        with suppress(FileNotFoundError):
            for name in os.listdir(home / folder):  # noqa: PTH208  as above
                if name.startswith(_ASIDE):
                    (home / folder / name).unlink()


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(key_transfer.LARGEST)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EngineError(f"the keyring folder cannot be read: {error.strerror}") from error


def _write(file: Path, octets: bytes) -> None:
    """Write a file in one step; nothing happens where there is one."""
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(prefix=_ASIDE, dir=file.parent)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(octets)
            with suppress(FileExistsError):
                os.link(aside, file)
        finally:
            os.unlink(aside)  # noqa: PTH108  as mkstemp gave it
    except OSError as error:
        raise EngineError(f"{file} cannot be written: {error.strerror}") from error
