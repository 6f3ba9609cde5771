"""The Web Key Directory of our own domains as files (draft-koch-openpgp-webkey-service sections 3.1 and 4.5).

`DIR/DOMAIN/hu/HASH` holds the certificates of the addresses with that hash, `DIR/DOMAIN/policy` is empty. A web server
serves `DIR/DOMAIN` as `https://openpgpkey.DOMAIN/.well-known/openpgpkey/DOMAIN/` or as
`https://DOMAIN/.well-known/openpgpkey/`. Unlisted addresses are left out. A removed address stays for a year, revoked.

A domain's folder may be another user's: no symbolic link in its place is followed, and root writes only into folders of
root's own.

Raises `OwnError` where the folder cannot be written.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

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
    """Whether its certificate is published."""
    return key.listed and not (key.state is OwnState.REMOVED and key.changed + YEAR <= now)


def location(key: OwnKey) -> str:
    """The path of its certificate, relative to the folder."""
    local = key.address.local.encode("utf-8", "surrogateescape")
    return f"{key.address.domain}/hu/{hashed(local)}"


def write(folder: Path, domains: Collection[str], files: Mapping[str, bytes]) -> None:
    """Make the tree: files that are not in it any more go, each file is replaced in one step.

    Nothing is changed where a domain's folder, or `hu` in it, may lead elsewhere.
    """
    try:
        for place in (folder / domain / below for domain in domains for below in ("", "hu")):
            if os.path.lexists(place):
                _check(place, place.lstat())
        for domain in domains:
            _write_domain(folder / domain, _below(f"{domain}/hu/", files))
    except OSError as error:
        raise OwnError(f"{folder} cannot be written: {error.strerror}") from error


def _below(start: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path.removeprefix(start): octets for path, octets in files.items() if path.startswith(start)}


def digests(folder: Path, domains: Iterable[str]) -> dict[str, str]:
    """The digests of the published keys of these domains, by path below the folder. Raises `OSError`."""
    files = [
        file for domain in domains if (folder / domain / "hu").is_dir() for file in (folder / domain / "hu").iterdir()
    ]
    return {str(file.relative_to(folder)): digest(_read(file)) for file in files if file.is_file()}


def digest(octets: bytes) -> str:
    """The SHA-256 of these octets, in hexadecimal."""
    return sha256(octets).hexdigest()


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.stat().st_size < LARGEST else b""


def _check(place: Path, facts: os.stat_result) -> None:
    if stat.S_ISLNK(facts.st_mode):
        raise OwnError(f"{place} is a symbolic link, and must be a folder: nothing was written")
    if os.geteuid() == 0 != facts.st_uid:
        raise OwnError(f"{place} is not root's, as the folder above it is: give both to one user; nothing was written")


def _write_domain(place: Path, files: Mapping[str, bytes]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with _entered(place) as above:
        _replace(above, POLICY, b"")
        with suppress(FileExistsError):
            os.mkdir("hu", dir_fd=above)
        with _entered(place / "hu", above) as folder:
            for old in set(os.listdir(folder)).difference(files):  # noqa: PTH208  pathlib takes no descriptor
                os.unlink(old, dir_fd=folder)
            for name, octets in files.items():
                _replace(folder, name, octets)


@contextmanager
def _entered(place: Path, above: int | None = None) -> Iterator[int]:
    """Its descriptor, which stays this folder's whatever is put in its place; `above`: of the folder it stands in."""
    name = place if above is None else place.name
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    try:
        _check(place, os.fstat(descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def _replace(folder: int, name: str, octets: bytes) -> None:
    new = f"tmp{token_hex(8)}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        os.fchmod(descriptor, 0o644)  # the web server reads it
    os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
