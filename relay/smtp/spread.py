"""What workers share to spread connections evenly over them, made by their supervisor (`relay.smtp.balance` uses it).

Shared memory has the number of connections of each worker. Each worker writes its own number; the supervisor writes
`AWAY` for a worker that has ended. For each worker and place there is an inbox, a pair of unix sockets through which
the others hand it connections (SCM_RIGHTS of unix(7)). An inbox outlives its worker: its successor takes what is in it.
"""

from __future__ import annotations

import mmap
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from relay.process.open_files import allow_open_files

AWAY = 1 << 40
"""The number of a worker that takes no connections: higher than any worker has."""
_SIZE = 8
_OTHER_FILES = 1024


@dataclass(frozen=True, slots=True)
class Inbox:
    """The descriptors of its two ends."""

    taking: int
    handing: int


@dataclass(frozen=True, slots=True)
class Shared:
    """The descriptors that every worker inherits."""

    numbers: int
    inboxes: tuple[tuple[Inbox, ...], ...]
    """Of each worker, one for each place."""

    @property
    def descriptors(self) -> list[int]:
        """All descriptors of this value, in no particular order."""
        inboxes = (inbox for those in self.inboxes for inbox in those)
        return [self.numbers, *(end for inbox in inboxes for end in (inbox.taking, inbox.handing))]


class Spread:
    """The supervisor's side: `shared` is for the workers, `lost` is for one that has ended. A context manager."""

    def __init__(self, workers: int, places: int) -> None:
        """Raises `OSError` if there are no memory or descriptors."""
        allow_open_files(2 * workers * places + _OTHER_FILES)
        self._stack = ExitStack()
        try:
            self.shared = Shared(
                self._memory(_SIZE * workers),
                tuple(tuple(self._inbox() for _ in range(places)) for _ in range(workers)),
            )
            self._numbers = numbers(self.shared)
        except OSError:
            self._stack.close()
            raise
        for worker in range(workers):
            self.lost(worker)

    def lost(self, worker: int) -> None:
        """From now on nobody hands it anything until its successor has started."""
        self._numbers[worker] = AWAY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _memory(self, size: int) -> int:
        made = os.memfd_create("connections", os.MFD_CLOEXEC)
        self._stack.callback(os.close, made)
        os.ftruncate(made, size)
        return made

    def _inbox(self) -> Inbox:
        taking, handing = (self._stack.enter_context(end) for end in socket.socketpair())
        handing.settimeout(0)  # do not wait if it is full
        return Inbox(taking.fileno(), handing.fileno())


def numbers(shared: Shared) -> memoryview:
    """The number of each worker, in the memory that all of them map."""
    return memoryview(mmap.mmap(shared.numbers, _SIZE * len(shared.inboxes))).cast("q")
