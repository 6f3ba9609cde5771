"""Reads the file of existing own addresses: one a line; blank lines and lines with `#` in front do not count.

Raises `OwnError` where the file cannot be read, is too large, or holds a line that is no address.
"""

from __future__ import annotations

from pathlib import Path

from relay.model import Address
from relay.model.errors import AddressError, OwnError

LARGEST = 16 << 20
"""Octets: some 500,000 addresses."""


def read(file: Path) -> list[Address]:
    """Each address once, in their order."""
    try:
        with file.open("rb") as source:
            octets = source.read(LARGEST + 1)
    except OSError as error:
        raise OwnError(f"{file} cannot be read: {error.strerror}") from error
    if len(octets) > LARGEST:
        raise OwnError(f"{file} is larger than {LARGEST >> 20} MiB")
    lines = enumerate(octets.decode("utf-8", "surrogateescape").splitlines(), 1)
    return list(dict.fromkeys(_address(file, number, line.strip()) for number, line in lines if _means(line)))


def _means(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _address(file: Path, number: int, text: str) -> Address:
    try:
        address = Address(text)
    except AddressError as error:
        raise OwnError(f"{file}:{number}: {error}") from error
    if not address.domain:
        raise OwnError(f"{file}:{number}: an address has a local part and a domain")
    return address
