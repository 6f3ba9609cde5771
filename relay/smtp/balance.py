"""A worker's listening sockets, which spread connections evenly over all workers.

All workers accept from the same sockets, and the kernel decides which one does. Before the greeting, that worker hands
the connection to the worker with the fewest, if that one has fewer than itself. Connections that were handed over and
not taken yet count too. A connection that cannot be handed over is served where it was accepted. Each worker writes
only its own number, without a lock: if two workers decide at the same moment, the numbers of connections may differ by
one more.

A worker that has taken nothing from its inbox for `STANDS_STILL` seconds is handed nothing more. The sockets are for
`asyncio.loop.create_server`: an inbox is a listening socket whose `accept` returns what others have accepted.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from relay.smtp.listening import Inherited
from relay.smtp.spread import AWAY, Shared, numbers

STANDS_STILL = 5.0


class Balance:
    """The connections of one worker among those of all, from its start until it closes an inbox."""

    def __init__(self, shared: Shared, own: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers = numbers(shared)
        self._own = own
        self._inboxes = [[inbox.taking for inbox in those] for those in shared.inboxes]
        self._outboxes = [[socket.socket(fileno=inbox.handing) for inbox in those] for those in shared.inboxes]
        self._others = [worker for worker in range(len(shared.inboxes)) if worker != own]
        self._taken = dict.fromkeys(self._others, clock())
        """When each had last taken all that was in its inboxes, as far as this worker has seen."""
        self._numbers[own] = 0
        self._is_full = False
        """It has no descriptors left."""

    def sockets(self, place: int, descriptor: int) -> tuple[socket.socket, socket.socket]:
        """The listening socket of the place with this number, made from `descriptor`, and the inbox for that place."""
        return _Listening(self, place, descriptor), _Inbox(self, self._inboxes[self._own][place])

    def hand_over(self, place: int, connection: socket.socket) -> bool:
        """Whether another worker has it now."""
        others = [worker for worker in self._others if self._moves(worker)]
        fewest = min(others, key=self._load, default=self._own)
        if self._load(fewest) >= self._load(self._own):
            return False
        try:
            socket.send_fds(self._outboxes[fewest][place], [b"\0"], [connection.fileno()])
        except OSError:  # its inbox is full
            return False
        return True

    def more(self) -> None:
        """Count a new connection."""
        self._numbers[self._own] += 1

    def fewer(self) -> None:
        """Count one connection less."""
        self._numbers[self._own] -= 1

    def full(self) -> None:
        """Be handed nothing until it can accept a connection again."""
        if not self._is_full:
            self._is_full = True
            self._numbers[self._own] += AWAY

    def accepts(self) -> None:
        """Note that a connection could be accepted: there are descriptors again."""
        if self._is_full:
            self._is_full = False
            self._numbers[self._own] -= AWAY

    def leave(self) -> None:
        """Take no more connections, and hand none over."""
        self._numbers[self._own] = AWAY
        for outboxes in self._outboxes:
            for outbox in outboxes:
                outbox.close()

    def _load(self, worker: int) -> int:
        return int(self._numbers[worker]) + self._waiting(worker)

    def _waiting(self, worker: int) -> int:
        return sum(map(_octets, self._inboxes[worker]))

    def _moves(self, worker: int) -> bool:
        now = self._clock()
        if not self._waiting(worker):
            self._taken[worker] = now
        return now - self._taken[worker] < STANDS_STILL


class _Listening(Inherited):
    """The socket that all workers accept from."""

    def __init__(self, balance: Balance, place: int, descriptor: int) -> None:
        super().__init__(fileno=descriptor)
        self._balance = balance
        self._place = place

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that is this worker's. Raises `BlockingIOError` where there is none."""
        while True:
            made, peer = super().accept()
            self._balance.accepts()
            if not self._balance.hand_over(self._place, made):
                return _Connection(self._balance, made.detach()), peer
            made.close()


class _Inbox(Inherited):
    """The connections that others hand over."""

    def __init__(self, balance: Balance, descriptor: int) -> None:
        super().__init__(fileno=os.dup(descriptor))  # `Balance` still reads the original after this one is closed
        self._balance = balance

    def accept(self) -> tuple[socket.socket, Any]:
        """The next one.

        Raises `BlockingIOError` where there is none, `ConnectionAbortedError` where its client has gone, and `OSError`
        (EMFILE), as accept(2) does, where no descriptor is left: the kernel has closed it then.
        """
        _, descriptors, flags, _ = socket.recv_fds(self, 1, 1, socket.MSG_CMSG_CLOEXEC)
        if flags & socket.MSG_CTRUNC:
            self._balance.full()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if not descriptors:
            raise ConnectionAbortedError
        made = _Connection(self._balance, descriptors[0])
        try:
            return made, made.getpeername()
        except OSError:  # the client has gone: without its address, `allow` cannot be checked
            made.close()
            raise ConnectionAbortedError from None

    def close(self) -> None:
        """From now on others hand over nothing more. What was handed over is closed: those clients try again."""
        if self.fileno() >= 0:
            self._balance.leave()
            self.settimeout(0)
            with suppress(OSError):  # BlockingIOError: there are no more; nothing comes where all other ends are closed
                while (handed := socket.recv_fds(self, 1, 1, socket.MSG_CMSG_CLOEXEC))[0]:
                    for made in handed[1]:
                        os.close(made)
        super().close()


class _Connection(socket.socket):
    """A connection that counts until it is closed."""

    def __init__(self, balance: Balance, descriptor: int) -> None:
        super().__init__(fileno=descriptor)
        self._balance = balance
        balance.more()

    def close(self) -> None:
        if self.fileno() >= 0:
            self._balance.fewer()
        super().close()


def _octets(descriptor: int) -> int:
    """How many octets can be read: one for each connection."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
