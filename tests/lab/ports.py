"""Free ports on the loopback, from outside the range that the kernel gives to outgoing connections.

A port is chosen some time before somebody listens on it, and a test's server may be away for a while. So none is given
twice, and processes of one test run that run beside one another (pytest-xdist, `TEST_PORTS`) choose from ranges of
their own.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle, islice

_RANGE = range(*map(int, os.environ.get("TEST_PORTS", "20000:32000").split(":")))
_random = random.SystemRandom()


def free_port() -> int:
    """A port nobody listens on now, and that no other process of this run is given."""
    for port in islice(_ports(), len(_RANGE)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else can have meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        yield int(holder.getsockname()[1])


@cache
def _ports() -> Iterator[int]:
    """This process's part of all, for ever; from anywhere, for another run on this machine begins elsewhere."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ours = _RANGE[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    at = _random.randrange(len(ours))
    return cycle([*ours[at:], *ours[:at]])
