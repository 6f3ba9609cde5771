"""Secret parts of our own keys as gpg-agent keeps them: a file a keygrip in `private-keys-v1.d`, read and written.

Both engines use these very files, so that an installation can change its engine and everything still opens. They have
no passphrase: mail is opened unattended. Read are gpg-agent's two forms (keyformat.txt of GnuPG), an S-expression in a
name-value file and a canonical one; written is the first. In the first, Libgcrypt writes octets as hexadecimal digits,
or as a quoted string where all of them are letters or signs of Latin-1: of random ones, in one key of some thousand.
Curve25519 and Ed25519 alone. Raises `EngineError`.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from enum import StrEnum
from pathlib import Path

from relay.model.errors import EngineError

FOLDER = "private-keys-v1.d"

_OCTETS = 32
_LARGEST = 1 << 16
_FOLD = b"\n "
"""In a name-value file, where a line goes on."""
_ADVANCED = re.compile(rb"\(d\s*#([0-9A-Fa-f\s]{1,200})#\s*\)")
_QUOTED = re.compile(rb'\(d\s*"((?:[^"\\]|\\.){1,200})"\s*\)', re.DOTALL)
_ESCAPED = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_CONTROLS = dict(zip(b"btvnfr", b"\b\t\v\n\f\r", strict=True))
_CANONICAL = re.compile(rb"\(1:d(\d{1,3}):")
_PROTECTED = re.compile(rb"\((?:\d+:)?(?:protected|shadowed)-private-key")


class Curve(StrEnum):
    """The curve of a secret key, as gpg-agent writes it."""

    CURVE25519 = "(curve Curve25519)(flags djb-tweak)"
    ED25519 = "(curve Ed25519)(flags eddsa)"


def path(home: Path, keygrip: str) -> Path:
    """Where the secret part of that keygrip lies."""
    return home / FOLDER / f"{keygrip}.key"


def read(home: Path, keygrip: str) -> bytes:
    """Its 32 octets, in the order of OpenPGP: those of Curve25519 the other way round than in RFC 7748."""
    try:
        with path(home, keygrip).open("rb") as file:
            octets = file.read(_LARGEST)
    except OSError as error:
        raise EngineError("a secret part is not in the keyring folder") from error
    if _PROTECTED.search(octets):
        raise EngineError("a secret part has a passphrase or lies on a card: that is for engine: gnupg")
    secret = _secret(octets)
    if secret is None or len(secret) > _OCTETS + 1:
        raise EngineError("a secret part in the keyring folder cannot be read")
    return secret[-_OCTETS:].rjust(_OCTETS, b"\0")


async def on_disk() -> None:
    """Wait until all that was written is: a power failure must not take the secret part of a published key.

    Once for many, by sync(2): gpg-agent's files are not ours to flush one by one.
    """
    await asyncio.to_thread(os.sync)


def _secret(octets: bytes) -> bytes | None:
    if found := _ADVANCED.search(octets):
        digits = b"".join(found[1].split())
        return bytes.fromhex(digits.decode("ascii")) if len(digits) % 2 == 0 else None
    if found := _CANONICAL.search(octets):
        secret = octets[found.end() : found.end() + int(found[1])]
        return secret if len(secret) == int(found[1]) else None
    if found := _QUOTED.search(octets.replace(_FOLD, b"")):
        return _ESCAPED.sub(_unescaped, found[1])
    return None


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes.fromhex(escape[1].decode("ascii"))
    return bytes([_CONTROLS.get(escape[2][0], escape[2][0])])


def write(home: Path, keygrip: str, curve: Curve, public: bytes, secret: bytes) -> None:
    """Put it there, for this user alone; `public` is the point with the octet in front of it."""
    made = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    text = (
        f"Created: {made}\nKey: (private-key (ecc {curve.value}(q\n"
        f"  #{public.hex().upper()}#)\n (d #{secret.hex().upper()}#)\n ))\n"
    )
    try:
        create(path(home, keygrip), text.encode("ascii"))
    except OSError as error:
        raise EngineError("a secret part cannot be written to the keyring folder") from error


def replace(file: Path, octets: bytes) -> None:
    """A file for this user alone, in place of what was there, in one step and on disk. Raises `EngineError`."""
    try:
        descriptor, aside = tempfile.mkstemp(dir=file.parent)  # 0600
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(octets)
            opened.flush()
            os.fsync(descriptor)
        Path(aside).replace(file)
    except OSError as error:
        raise EngineError(f"{file} cannot be written: {error.strerror}") from error


def create(file: Path, octets: bytes) -> None:
    """A new file, for this user alone, in a folder that is made where it is missing. Raises `OSError`."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        descriptor = os.open(file, flags, 0o600)
    except FileNotFoundError:
        file.parent.mkdir(mode=0o700)
        descriptor = os.open(file, flags, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(octets)
