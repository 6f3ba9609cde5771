"""One attempt at a transaction at a time, in all processes of this machine, and of all that share a store.

A client that loses its connection and sends again at once may reach another worker while its first attempt goes on:
both would read the ledger before either writes. A lock on one octet of a file prevents that; the octet's position comes
from the transaction's digest. The kernel releases the lock of a process that dies (fcntl(2), open file description
locks). Nothing is written into the file. Two transactions have the same position once in 2^62: then one waits. If
several machines share the store, `Elsewhere` is locked as well. Unlike the file, it may lose its lock: `holds` tells,
and then nothing more is begun.

An attempt that is over while the store does not take what it has done keeps its lock: who began then would not find in
the ledger who is served. A second octet says so to other processes, and they do not wait.

`acquire` raises `TimeoutError` when the other attempt goes on too long, `OSError` where the file system has no locks,
`StoreError` where the other machines cannot be asked, and where the outcome of the last attempt waits for the store.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Self

from relay.model.errors import StoreError
from relay.pipeline.ports import Elsewhere

PATIENCE = 60.0
"""Seconds that an attempt waits for another at the same transaction."""
PATIENCE_ELSEWHERE = 4.0
"""Seconds that it waits for an attempt on another machine, which may hang; then the client is answered 451."""
LOOK_AGAIN = 0.05
"""Seconds between two tries at a lock of another process, whose release is no event here."""

_KEPT = 1 << 62
"""From the octet of a transaction to the one that says that its last attempt is over, and not yet written down."""
_FLOCK = struct.Struct("hhqqi")  # l_type, l_whence, l_start, l_len, l_pid: 0 for these locks
_TAKEN = {errno.EAGAIN, errno.EACCES}


class TransactionLocks:
    """`acquire`, then `release`, perhaps after `keep`; `lock` is a descriptor of the file, and belongs to this now."""

    def __init__(self, lock: int, elsewhere: Elsewhere | None = None) -> None:
        self._lock = lock
        self._elsewhere = elsewhere
        self._underway: dict[int, asyncio.Event] = {}

    @classmethod
    def at(cls, file: Path, elsewhere: Elsewhere | None = None) -> Self:
        """The file is made where there is none."""
        return cls(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), elsewhere)

    async def acquire(self, digest: bytes) -> frozenset[str] | None:
        """Return when no other attempt is under way; then `release` has to follow.

        Returns who is served if `Elsewhere` was asked, which knows this too; else None.
        """
        place = _place(digest)
        if not self._take_here(place):
            async with asyncio.timeout(PATIENCE):
                while not self._take_here(place):
                    if self._is_kept(place):
                        raise StoreError("who is served of this mail is not written down yet")
                    other = self._underway.get(place)
                    await (other.wait() if other else asyncio.sleep(LOOK_AGAIN))
        try:
            return await self._take_elsewhere(place, digest)
        except BaseException:
            self._free(place)
            raise

    def release(self, digest: bytes) -> None:
        """The attempt is over, and the ledger knows its outcome."""
        place = _place(digest)
        if self._elsewhere:
            self._elsewhere.give_back(place)
        self._free(place)

    def keep(self, digest: bytes) -> None:
        """The attempt is over, and the ledger does not know its outcome yet: nobody begins before `release`."""
        place = _place(digest)
        self._set(place + _KEPT, fcntl.F_WRLCK)
        self._underway[place].set()  # who waits looks again

    def holds(self, digest: bytes) -> bool:
        """Whether no other attempt can be under way now."""
        return self._elsewhere is None or self._elsewhere.holds(_place(digest))

    def close(self) -> None:
        """Give up all of them."""
        os.close(self._lock)

    async def _take_elsewhere(self, place: int, digest: bytes) -> frozenset[str] | None:
        if self._elsewhere is None:
            return None
        async with asyncio.timeout(PATIENCE_ELSEWHERE):
            while (served := await self._elsewhere.try_take(place, digest)) is None:  # noqa: ASYNC110  as above
                await asyncio.sleep(LOOK_AGAIN)
            return served

    def _take_here(self, place: int) -> bool:
        """Take it, unless another attempt on this machine has it."""
        if place in self._underway or not self._set(place, fcntl.F_WRLCK):
            return False
        self._underway[place] = asyncio.Event()
        return True

    def _free(self, place: int) -> None:
        over = self._underway.pop(place)
        if over.is_set():
            self._set(place + _KEPT, fcntl.F_UNLCK)
        self._set(place, fcntl.F_UNLCK)
        over.set()

    def _is_kept(self, place: int) -> bool:
        """Whether this process or another one keeps it for an attempt that is over."""
        if place in self._underway:
            return self._underway[place].is_set()
        asked = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, place + _KEPT, 1, 0)
        kind: int = _FLOCK.unpack(fcntl.fcntl(self._lock, fcntl.F_OFD_GETLK, asked))[0]
        return kind != fcntl.F_UNLCK

    def _set(self, place: int, kind: int) -> bool:
        try:
            fcntl.fcntl(self._lock, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:8]) >> 2
