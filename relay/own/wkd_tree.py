"""The Web Key Directory of our own domains as files (draft-koch-openpgp-webkey-service sections 3.1 and 4.5).

`DIR/DOMAIN/hu/HASH` holds the certificates of the addresses with that hash, `DIR/DOMAIN/policy` is empty. A web server
serves `DIR/DOMAIN` as `https://openpgpkey.DOMAIN/.well-known/openpgpkey/DOMAIN/` or as
`https://DOMAIN/.well-known/openpgpkey/`. Unlisted addresses are left out. A removed address stays for a year, revoked.

Raises `OwnError` where the folder cannot be written.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from relay.model.errors import OwnError
from relay.model.own import OwnKey, OwnState
from relay.model.wkd_location import hashed
from relay.own.certificates import YEAR

POLICY = "policy"
LARGEST = 1 << 20
"""Octets of a file of the tree."""


def published(keys: Iterable[OwnKey], now: float) -> dict[str, bytes]:
    """Path below the folder to octets, of every file of the tree but the policies."""
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for key in keys:
        if is_published(key, now):
            found[location(key)].append(key.published)
    return {path: b"".join(data) for path, data in found.items()}


def is_published(key: OwnKey, now: float) -> bool:
    """Whether anybody is shown its certificate."""
    return key.listed and not (key.state is OwnState.REMOVED and key.changed + YEAR <= now)


def location(key: OwnKey) -> str:
    """Where its certificate stands below the folder."""
    local = key.address.local.encode("utf-8", "surrogateescape")
    return f"{key.address.domain}/hu/{hashed(local)}"


def write(folder: Path, domains: Iterable[str], files: Mapping[str, bytes]) -> None:
    """Make the tree: files that are not in it any more go, each file is replaced in one step."""
    try:
        for domain in domains:
            (folder / domain / "hu").mkdir(parents=True, exist_ok=True)
            _replace(folder / domain / POLICY, b"")
            for old in (folder / domain / "hu").iterdir():
                if f"{domain}/hu/{old.name}" not in files:
                    old.unlink()
        for path, octets in files.items():
            _replace(folder / path, octets)
    except OSError as error:
        raise OwnError(f"{folder} cannot be written: {error.strerror}") from error


def digests(folder: Path, domains: Iterable[str]) -> dict[str, str]:
    """The digests of the published keys of these domains, by path below the folder. Raises `OSError`."""
    files = [
        file for domain in domains if (folder / domain / "hu").is_dir() for file in (folder / domain / "hu").iterdir()
    ]
    return {str(file.relative_to(folder)): digest(_read(file)) for file in files if file.is_file()}


def digest(octets: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return sha256(octets).hexdigest()


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.stat().st_size < LARGEST else b""


def _replace(path: Path, octets: bytes) -> None:
    descriptor, new = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    Path(new).chmod(0o644)  # the web server reads it
    Path(new).replace(path)
