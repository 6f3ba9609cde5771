"""Our own keys as files: what of the GnuPG home goes into a backup, and how it comes back.

Taken are the secret keys as gpg-agent keeps them (a passphrase stays on them; of a smart card's key there is only its
number), the revocation certificates, the agent's settings, and the public halves as gpg exports them, which every
version of GnuPG reads. Caches, locks and sockets are not. Of the settings only those of an allow list come back.

`put` adds and replaces, and takes nothing out: a secret key made since, or a revocation, stays. Raises `EngineError`
with a sentence for the administrator.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from relay.model.errors import EngineError
from relay.openpgp import call, secret_parts
from relay.openpgp.home import reachable

PUBLIC = "public-keys.pgp"
LARGEST = 1 << 20
"""Octets of one file; a key has a few hundred."""
LARGEST_EXPORT = 1 << 24
SECONDS = 60.0

_FILE = re.compile(
    r"private-keys-v1\.d/[0-9A-F]{40}\.key|openpgp-revocs\.d/[0-9A-F]{40,64}\.rev|gpg-agent\.conf|scdaemon\.conf"
)
_SETTING = re.compile(
    r"(?:default-cache-ttl|max-cache-ttl|auto-expand-secmem|allow-loopback-pinentry|allow-preset-passphrase|no-grab"
    r"|ignore-cache-for-signing|disable-scdaemon|listen-backlog|pinentry-timeout|s2k-count|s2k-calibration"
    r"|reader-port|card-timeout|disable-ccid|pcsc-shared|disable-pinpad|enable-pinpad-varlen)"
    r"(?:[ \t]+[A-Za-z0-9 .,:+()\[\]_-]{1,100})?",
    re.ASCII,
)
"""A line of gpg-agent.conf or scdaemon.conf that a backup may bring back: times, limits, a card reader by its name."""


def largest(name: str) -> int | None:
    """The most octets that a file of this name may have; None: none of that name belongs to a home's keys."""
    if name == PUBLIC:
        return LARGEST_EXPORT
    return LARGEST if _FILE.fullmatch(name) else None


async def taken(home: Path, without: Collection[str] = ()) -> dict[str, bytes]:
    """Name to octets; without the secret keys that have these keygrips."""
    result = await call.look(reachable(home), "--export", seconds=SECONDS, most=LARGEST_EXPORT)
    if result.code != 0:
        raise EngineError("gpg does not export the public keys of the keyring")
    files = _read(home)
    return {PUBLIC: result.output} | {name: octets for name, octets in files.items() if _keygrip(name) not in without}


async def put(home: Path, files: Mapping[str, bytes], without: Collection[str] = ()) -> None:
    """Bring them into a home that is prepared (`relay.openpgp.home`); not the secret keys that have these keygrips."""
    for name, octets in files.items():
        if name != PUBLIC and _keygrip(name) not in without:
            _write(home, name, _settings(octets) if name.endswith(".conf") else octets)
    if files.get(PUBLIC):
        result = await call.run(reachable(home), "--import", content=files[PUBLIC], seconds=SECONDS)
        report = result.told("import")
        if report.not_imported or not report.count:
            raise EngineError("gpg did not take the public keys of the backup")


def _settings(octets: bytes) -> bytes:
    """What may come back of a settings file: a log file, a debug level or a program is no part of a backup."""
    lines = octets.decode("utf-8", "replace").splitlines()
    return "".join(f"{line}\n" for line in lines if _SETTING.fullmatch(line)).encode()


def _keygrip(name: str) -> str:
    return Path(name).stem if name.startswith("private-keys-v1.d/") else ""


def _read(home: Path) -> dict[str, bytes]:
    found = (path for pattern in ("*/*", "*") for path in sorted(home.glob(pattern)))
    names = {str(path.relative_to(home)): path for path in found}
    try:
        return {
            name: path.read_bytes()
            for name, path in names.items()
            if _FILE.fullmatch(name) and path.is_file() and not path.is_symlink()
        }
    except OSError as error:
        raise EngineError(f"the keyring folder cannot be read: {error.strerror}") from error


def _write(home: Path, name: str, octets: bytes) -> None:
    path = home / name
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            if path.read_bytes() == octets:
                return
        secret_parts.replace(path, octets)
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}") from error
