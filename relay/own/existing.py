"""Who exists, as a file says: a list that is read again when the file changes.

A file that cannot be read leaves the last list in force for mail; `addresses` raises `OwnError`, so that somebody
learns of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from relay.model import Address
from relay.model.errors import OwnError
from relay.own import addresses as files


class ListedInFile:
    """`ports.Existing` of `own.addresses: FILE`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._state: object = None
        self._known: dict[Address, None] = {}

    async def addresses(self) -> Sequence[Address]:
        """All of them, as the file has them now."""
        state = _state(self._file)
        if state is None or state != self._state:
            self._known = dict.fromkeys(await asyncio.to_thread(files.read, self._file))
            self._state = state
        return list(self._known)

    async def knows(self, address: Address) -> bool:
        """Whether it is among them."""
        try:
            await self.addresses()
        except OwnError:
            return address in self._known  # the job beside mail reports it
        return address in self._known


class OnlyAdded:
    """`ports.Existing` where an administrator adds each address by hand."""

    async def addresses(self) -> Sequence[Address]:
        """None that has no certificate yet."""
        return ()

    async def knows(self, address: Address) -> bool:  # noqa: ARG002  as the port has it
        """Of one without a certificate: no."""
        return False


def _state(file: Path) -> object:
    """What changes with the file's content."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size
